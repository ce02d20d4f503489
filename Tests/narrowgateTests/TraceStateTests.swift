import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite("Traces with states in files") struct TraceStateTests {
    /// A tensor of a trace's file.
    private struct Tensor: Equatable {
        let shape: [Int]
        let bytes: [UInt8]
    }

    private func trace(
        _ scratch: ScratchFolder, to name: String, of picture: String = CommandLineTests.cross,
        interventions: String? = nil, measure: String? = nil, only: String = "logits"
    ) async throws -> Command.Outcome {
        var arguments = ["trace", "--model", "gate", "--image", picture, "--only", only, "--output", name]
        if let interventions {
            try scratch.write(interventions, to: "interventions.json")
            arguments += ["--interventions", "interventions.json"]
        }
        if let measure {
            try scratch.write(measure, to: "measure.json")
            arguments += ["--measure", "measure.json"]
        }
        return try await Narrowgate.run(arguments, in: scratch)
    }

    private func tensors(_ scratch: ScratchFolder, _ name: String) throws -> (
        tensors: [String: Tensor], metadata: JSONValue
    ) {
        let bytes = [UInt8](try Data(contentsOf: scratch.url.appending(path: name)))
        let start = 8 + bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try #require(try JSONParser.parse(bytes[8..<start]).objectValue)
        var tensors: [String: Tensor] = [:]
        for (name, entry) in header.members where name != "__metadata__" {
            let offsets = try #require(entry["data_offsets"]?.arrayValue).compactMap(\.integerValue)
            let shape = try #require(entry["shape"]?.arrayValue).compactMap(\.integerValue)
            tensors[name] = Tensor(shape: shape, bytes: Array(bytes[start + offsets[0]..<start + offsets[1]]))
        }
        return (tensors, header["__metadata__"] ?? .null)
    }

    private static let captures =
        #"{"captures": [{"site": "resid_in", "layers": [2, 3], "positions": "eoi"}], "attention": [{}], "logit_lens": [{"top": 3}]}"#

    @Test("what is measured is written beside, and a captured state's place with it")
    func measure() async throws {
        let scratch = try ScratchFolder("trace")
        let outcome = try await trace(scratch, to: "t.safetensors", measure: Self.captures)
        #expect(outcome.status == 0, "\(outcome.error)")
        let (tensors, metadata) = try tensors(scratch, "t.safetensors")
        #expect(tensors["captures.0"]?.shape == [2, 1, 128])
        #expect(tensors["attention.0"]?.shape == [6, 1, 1, 5])
        #expect(tensors["logit_lens.0.ids"]?.shape == [6, 1, 3] && tensors["logit_lens.0.p"]?.shape == [6, 1, 3])
        #expect(metadata["captures.0.site"] == "resid_in" && metadata["captures.0.layers"] == "2,3")
    }

    @Test("a patch from a trace's file is the patch from the picture's run, and a state's .npy goes to any layer")
    func patch() async throws {
        let scratch = try ScratchFolder("trace")
        _ = try await trace(scratch, to: "square.safetensors", of: CommandLineTests.square, measure: Self.captures)
        func patched(_ name: String, source: String) async throws -> Tensor {
            let set = #"{"patches": [{"site": "resid_in", "layers": 3, "positions": "eoi", "source": \#(source)}]}"#
            let outcome = try await trace(scratch, to: name, interventions: set)
            #expect(outcome.status == 0, "\(outcome.error)")
            let found = try tensors(scratch, name)
            return try #require(found.tensors["logits"])
        }
        let fromRun = try await patched("a", source: #"{"image": "\#(CommandLineTests.square)"}"#)
        let fromFile = try await patched("b", source: ##"{"state": "square.safetensors#captures.0"}"##)
        #expect(fromFile == fromRun)
        // The second of the two layers, as numpy.save would write it.
        let square = try tensors(scratch, "square.safetensors")
        let state = try #require(square.tensors["captures.0"]).bytes
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (128,), }\n"
        let file = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8)
        try Data(file + state.suffix(128 * 4)).write(to: scratch.url.appending(path: "one.npy"))
        let fromArray = try await patched("c", source: #"{"state": "one.npy"}"#)
        #expect(fromArray == fromRun)
        _ = try await trace(scratch, to: "clean")
        #expect(try tensors(scratch, "clean").tensors["logits"] != fromRun)
    }

    @Test("steering with a file moves the run, and by 0 it does not")
    func steer() async throws {
        let scratch = try ScratchFolder("trace")
        _ = try await trace(scratch, to: "s.safetensors", of: CommandLineTests.square, measure: Self.captures)
        func steered(_ scale: Double) async throws -> Tensor? {
            let set =
                ##"{"steers": [{"site": "resid_in", "layers": [2, 3], "positions": "text", "direction": {"state": "s.safetensors#captures.0"}, "scale": \##(scale)}]}"##
            #expect(try await trace(scratch, to: "out", interventions: set).status == 0)
            return try tensors(scratch, "out").tensors["logits"]
        }
        _ = try await trace(scratch, to: "clean")
        let clean = try tensors(scratch, "clean").tensors["logits"]
        #expect(try await steered(0) == clean)
        #expect(try await steered(0.5) != clean)
    }

    @Test("what is wrong with a state is said with the file and the field")
    func refusals() async throws {
        let scratch = try ScratchFolder("trace")
        _ = try await trace(scratch, to: "s.safetensors", measure: Self.captures)
        func refusal(_ state: String, layer: Int = 2) async throws -> String {
            let set =
                #"{"steers": [{"site": "resid_in", "layers": \#(layer), "positions": "eoi", "direction": {"state": "\#(state)"}}]}"#
            let outcome = try await trace(scratch, to: "out", interventions: set)
            #expect(outcome.status == 1)
            return outcome.error
        }
        #expect(try await refusal("nowhere.npy").contains("nowhere.npy cannot be read"))
        #expect(try await refusal("s.safetensors").contains("has several tensors; name one of "))
        #expect(try await refusal("s.safetensors#capture").contains("has no tensor capture"))
        #expect(try await refusal("measure.json").contains("measure.json: "))
        #expect(try await refusal("s.safetensors#captures.0", layer: 4).contains("steers[0].direction.state: "))
        #expect(try await refusal("sha256:00").contains("a state is a file"))
        let measure = try await trace(scratch, to: "out", measure: #"{"captures": [{"site": "resid_in"}]}"#)
        #expect(measure.error.contains("measure.json: captures[0].positions: is required"), "\(measure.error)")
    }
}
