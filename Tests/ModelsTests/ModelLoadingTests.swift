import Checkpoints
import Foundation
import Models
import StrictJSON
import Testing

@Suite("Loading a model folder") struct ModelLoadingTests {
    private func refusal(_ scratch: ScratchModel) -> String? {
        do {
            _ = try VisionLanguageModel(directory: scratch.directory, name: "scratch")
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func expectRefusal(_ scratch: ScratchModel, naming words: String...) {
        let sentence = refusal(scratch)
        for word in words { #expect(sentence?.contains(word) == true, "\(sentence ?? "loaded") names \(word)") }
    }

    @Test("a model knows its family, sizes, tokens and fingerprint")
    func loads() throws {
        let model = try Golden("chameleon-tiny").model()
        #expect(model.family == "chameleon" && model.name == "chameleon-tiny")
        #expect(model.placeholder == "<image>")
        #expect(model.stopTokenIDs == [2])
        #expect(model.imageTokenIDs == Set(4...67))
        #expect(model.decoder.maskedTokenIDs == Array(4...67))
        #expect(model.byteCount == 2 * model.parameterCount)
        let fingerprint = try model.fingerprint()
        #expect(fingerprint.hasPrefix("sha256:") && fingerprint.count == 71)
        #expect(try model.fingerprint() == fingerprint)
    }

    @Test("a folder that is no model says which file it lacks")
    func missingFiles() throws {
        for file in ["config.json", "tokenizer.json", "preprocessor_config.json", "model.safetensors"] {
            let scratch = try ScratchModel()
            try scratch.remove(file)
            expectRefusal(scratch, naming: file)
        }
    }

    @Test("folders may do without the optional files")
    func optionalFiles() throws {
        let scratch = try ScratchModel()
        try scratch.remove("processor_config.json")
        try scratch.remove("tokenizer_config.json")
        #expect(refusal(scratch) == nil)
    }

    @Test("the preprocessing recipe may stand in processor_config.json, as newer files have it")
    func nestedRecipe() throws {
        let scratch = try ScratchModel()
        let recipe = JSONValue.object(try scratch.object("preprocessor_config.json"))
        try scratch.remove("preprocessor_config.json")
        try scratch.edit("processor_config.json", [("image_processor", recipe)])
        #expect(refusal(scratch) == nil)
    }

    @Test("tensors that are missing, of another shape or beyond the configuration are named")
    func tensors() throws {
        let query = "model.layers.2.self_attn.q_proj.weight"
        var scratch = try ScratchModel()
        try scratch.editWeights(removing: [query])
        expectRefusal(scratch, naming: query)
        scratch = try ScratchModel()
        try scratch.editWeights(adding: [(query, [64, 32])])
        expectRefusal(scratch, naming: query, "[64, 32]", "[64, 64]")
        scratch = try ScratchModel()
        try scratch.editWeights(adding: [("model.layers.2.self_attn.q_proj.bias", [64])])
        expectRefusal(scratch, naming: "model.layers.2.self_attn.q_proj.bias")
        scratch = try ScratchModel()
        try scratch.edit("config.json", [("num_hidden_layers", 3)])
        expectRefusal(scratch, naming: "model.layers.3.")
        scratch = try ScratchModel()
        try scratch.edit("config.json", [("num_hidden_layers", 5)])
        expectRefusal(scratch, naming: "model.layers.4.")
        scratch = try ScratchModel()
        try scratch.editWeights(adding: [("model.vqmodel.encoder.down.1.attn.0.q.bias", [32])])
        expectRefusal(scratch, naming: "model.vqmodel.encoder.down.1.attn.0.q.bias")
    }

    @Test("a tied head is the embedding: absent or equal, never another")
    func tiedHead() throws {
        var scratch = try ScratchModel()
        try scratch.edit("config.json", [("tie_word_embeddings", true)])
        expectRefusal(scratch, naming: "lm_head.weight", "tie_word_embeddings")
        try scratch.editWeights(removing: ["lm_head.weight"])
        #expect(refusal(scratch) == nil)
        scratch = try ScratchModel()
        try scratch.editWeights(removing: ["lm_head.weight"])
        expectRefusal(scratch, naming: "lm_head.weight")
    }

    @Test("the files must agree about pictures")
    func pictures() throws {
        var scratch = try ScratchModel()
        try scratch.edit("processor_config.json", [("image_seq_length", 17)])
        expectRefusal(scratch, naming: "image_seq_length", "17", "16")
        scratch = try ScratchModel()
        try scratch.edit("preprocessor_config.json", [("crop_size", ["height": 32, "width": 32])])
        expectRefusal(scratch, naming: "crop_size", "32", "64")
        scratch = try ScratchModel()
        try scratch.edit("preprocessor_config.json", [("do_center_crop", false)])
        expectRefusal(scratch, naming: "crop_size")
        scratch = try ScratchModel()
        try scratch.edit("preprocessor_config.json", [("resample", 9)])
        expectRefusal(scratch, naming: "preprocessor_config.json", "resample")
    }

    @Test("the vocabulary map and the tokenizer must agree about every image token")
    func vocabulary() throws {
        func editing(_ changes: [(String, JSONValue?)]) throws -> ScratchModel {
            let scratch = try ScratchModel()
            var map = try #require(scratch.object("config.json")["vocabulary_map"]?.objectValue)
            for (name, value) in changes { map[name] = value }
            try scratch.edit("config.json", [("vocabulary_map", .object(map))])
            return scratch
        }
        expectRefusal(try editing([("IMGIMGAZ", 100)]), naming: "IMGIMGAZ", "100")
        expectRefusal(try editing([("IMGIMGFZ", nil)]), naming: "vocabulary_map", "code 5")
        expectRefusal(try editing([("IMGIMGXZ", 100)]), naming: "IMGIMGXZ")
        expectRefusal(try editing([("<image>", 100)]), naming: "<image>", "100", "75")
        expectRefusal(try editing([("<image>", nil)]), naming: "<image>")
        expectRefusal(try editing([("<eoss>", 100)]), naming: "<eoss>")
        let scratch = try ScratchModel()
        try scratch.edit("config.json", [("image_token_id", 74)])
        expectRefusal(scratch, naming: "image_token_id", "74", "75")
    }

    @Test("the three tokens around pictures may have other names")
    func tokenNames() throws {
        var scratch = try ScratchModel()
        try scratch.edit("tokenizer_config.json", [("eoi_token", "<sentinel:1>")])
        let model = try VisionLanguageModel(directory: scratch.directory, name: "scratch")
        let prompt = try model.prompt("<image>x", imageCount: 1)
        #expect(try [prompt.inputIDs[prompt.layout.images[0].eoi]] == model.tokens(of: "<sentinel:1>"))
        scratch = try ScratchModel()
        try scratch.edit("tokenizer_config.json", [("boi_token", "<nothing>")])
        expectRefusal(scratch, naming: "<nothing>", "boi_token")
        scratch = try ScratchModel()
        try scratch.edit("tokenizer_config.json", [("boi_token", ["content": "<eoss>"])])
        expectRefusal(scratch, naming: "boi_token")
    }

    @Test("generation_config.json has the first word about end tokens")
    func endTokens() throws {
        let scratch = try ScratchModel()
        try scratch.write("generation_config.json", ["eos_token_id": [2, 74], "max_new_tokens": 10])
        #expect(try VisionLanguageModel(directory: scratch.directory, name: "scratch").stopTokenIDs == [2, 74])
        try scratch.write("generation_config.json", ["do_sample": false])
        #expect(try VisionLanguageModel(directory: scratch.directory, name: "scratch").stopTokenIDs == [2])
        try scratch.write("generation_config.json", ["eos_token_id": 480])
        expectRefusal(scratch, naming: "generation_config.json", "eos_token_id")
    }

    @Test("a folder's narrowgate.json overrides and extends the family's presets")
    func presets() throws {
        let scratch = try ScratchModel()
        try scratch.write(
            "narrowgate.json", ["presets": ["caption": ["text": "<image>This is"], "probe": ["text": "<image>A"]]])
        let model = try VisionLanguageModel(directory: scratch.directory, name: "scratch")
        let texts = Dictionary(uniqueKeysWithValues: model.presets.map { ($0.name, $0.text) })
        #expect(texts["caption"] == "<image>This is" && texts["probe"] == "<image>A")
        #expect(texts["caption.paper"] == "<image>Provide a one-sentence caption for the provided image.")
        try scratch.write("narrowgate.json", ["presets": ["caption": ["txt": "x"]]])
        expectRefusal(scratch, naming: "narrowgate.json", "presets.caption.txt", "text")
    }

    @Test("the catalogue finds folders by name without loading them, and a broken one does not hide the others")
    func catalogue() throws {
        let scratch = try ScratchModel()
        let broken = scratch.directory.appending(path: "broken")
        try FileManager.default.createDirectory(at: broken, withIntermediateDirectories: true)
        try Data("{".utf8).write(to: broken.appending(path: "config.json"))
        let catalog = ModelCatalog(directories: [
            Golden.directory("chameleon-tiny").deletingLastPathComponent(), scratch.directory,
            URL(filePath: "/nonexistent"),
        ])
        #expect(Set(catalog.entries.map(\.name)).isSuperset(of: ["chameleon-tiny", "chameleon-34b-tiny", "broken"]))
        let summary = try #require(catalog["chameleon-34b-tiny"]).summary()
        #expect(summary.family == "chameleon" && summary.decoder.kvHeads == 2 && summary.imageTokens == 16)
        #expect(throws: CheckpointError.self) { try catalog["broken"]?.summary() }
        #expect(catalog["nothing"] == nil)
    }
}
