import Models
import StrictJSON
import Testing

@Suite("The VQ encoder") struct VQEncoderTests {
    @Test("work stops where the boundary says so")
    func boundary() throws {
        struct Stop: Error {}
        let golden = try Golden("chameleon-tiny")
        let model = try golden.model()
        var calls = 0
        #expect(throws: Stop.self) {
            _ = try model.encode(file: golden.picture("a")) {
                calls += 1
                if calls == 3 { throw Stop() }
            }
        }
        #expect(calls == 3)
    }

    @Test("pixels of another size are refused")
    func size() throws {
        let model = try Golden("chameleon-tiny").model()
        let error = #expect(throws: ModelError.self) { try model.encode(pixelValues: [0, 0, 0]) }
        #expect(error?.kind == .image)
    }

    @Test("attention at a level is read and run where attn_resolutions has its size")
    func levelAttention() throws {
        let golden = try Golden("chameleon-tiny")
        let scratch = try ScratchModel()
        var settings = try #require(scratch.object("config.json")["vq_config"]?.objectValue)
        settings["attn_resolutions"] = [32]
        try scratch.edit("config.json", [("vq_config", .object(settings))])
        let zeros = [0, 1].flatMap { block in
            let prefix = "model.vqmodel.encoder.down.1.attn.\(block)"
            return ["q", "k", "v", "proj_out"].flatMap { name in
                [("\(prefix).\(name).weight", [32, 32, 1, 1]), ("\(prefix).\(name).bias", [32])]
            } + [("\(prefix).norm.weight", [32]), ("\(prefix).norm.bias", [32])]
        }
        try scratch.editWeights(adding: zeros)
        // Attention whose output projection is zero adds nothing, so the codes stay.
        let model = try VisionLanguageModel(directory: scratch.directory, name: "scratch")
        #expect(model.vqEncoder?.configuration.attentionResolutions == [32])
        #expect(try model.encode(file: golden.picture("a")).codes == golden.integers("vq.codes"))
    }

    @Test("an encoder without attention leaves its middle attention out, and refuses tensors for it")
    func withoutAttention() throws {
        let scratch = try ScratchModel()
        var settings = try #require(scratch.object("config.json")["vq_config"]?.objectValue)
        settings["attn_type"] = "none"
        try scratch.edit("config.json", [("vq_config", .object(settings))])
        let error = #expect(throws: ModelError.self) {
            try VisionLanguageModel(directory: scratch.directory, name: "scratch")
        }
        #expect(error?.subject?.hasPrefix("model.vqmodel.encoder.mid.attn_1.") == true)
    }
}
