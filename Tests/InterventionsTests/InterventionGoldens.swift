import Checkpoints
import Foundation
import Interventions
import Models
import StrictJSON
import Testing

/// What transformers computed under interventions: `interventions.json` and its tensors in a folder of `Tests/Goldens`
/// (Tools/reference/make_intervention_goldens.py).
struct InterventionGoldens {
    static let checkpoints = ["chameleon-tiny", "chameleon-34b-tiny"]

    let model: VisionLanguageModel
    let states: [String: StateTensor]
    private let document: JSONValue
    private let tensors: SafetensorsFile
    private let images: [String: EncodedImage]

    init(_ checkpoint: String) throws {
        let folder = TinyModel.goldens.appending(path: checkpoint)
        let document = try Self.document(checkpoint)
        let tensors = try SafetensorsFile(path: folder.appending(path: "interventions.safetensors").path)
        let model = try VisionLanguageModel(directory: folder, name: checkpoint)
        var states: [String: StateTensor] = [:]
        for (name, facts) in try #require(document["states"]?.objectValue).members {
            let shape = try #require(tensors.tensor("state.\(name)")).shape
            let layers = facts["layers"]?.arrayValue?.compactMap(\.integerValue)
            states[name] = StateTensor(
                StateDescription(
                    site: Site(rawValue: facts["site"]?.stringValue ?? ""), layers: layers, layerCount: shape[0],
                    positions: shape[1], width: shape[2]),
                elements: try tensors.floats(of: "state.\(name)"))
        }
        var images: [String: EncodedImage] = [:]
        for name in ["a", "b"] {
            images[name] = try model.encode(
                file: [UInt8](try Data(contentsOf: folder.appending(path: "image_\(name).png"))))
        }
        (self.document, self.tensors, self.model, self.states, self.images) = (document, tensors, model, states, images)
    }

    private static func document(_ checkpoint: String) throws -> JSONValue {
        let file = TinyModel.goldens.appending(path: checkpoint).appending(path: "interventions.json")
        return try JSONParser.parse([UInt8](try Data(contentsOf: file)))
    }

    /// Every case's name; empty where the file cannot be read, which a test of their number notices.
    static func names(_ checkpoint: String) -> [String] {
        let cases = (try? document(checkpoint))?["cases"]?.arrayValue ?? []
        return cases.compactMap { $0["name"]?.stringValue }
    }

    func entry(_ name: String) throws -> JSONValue {
        try #require(document["cases"]?.arrayValue?.first { $0["name"]?.stringValue == name })
    }

    func image(_ name: String) throws -> EncodedImage { try #require(images[name]) }

    /// A case's run, traced; and how many tokens it generates.
    func trace(_ name: String, writing tensors: [TraceTensor]) throws -> TraceMemory {
        let entry = try entry(name)
        let members = try JSONField(entry["measure"] ?? .object(JSONObject())).object()
        let trace = try Trace(
            .text(try #require(entry["prompt"]?.stringValue)), image: "a", on: model,
            interventions: try InterventionSet(JSONField(try #require(entry["interventions"]))),
            generatedTokens: entry["greedy"]?.arrayValue?.count ?? 0, tensors: tensors,
            measuring: try Measurements(members), states: states)
        let memory = TraceMemory(try trace.layout(image: try image("a")))
        try trace.run(images: { try image($0) }, memory)
        return memory
    }

    func floats(_ tensor: String) throws -> [Float] { try tensors.floats(of: tensor) }

    func shape(_ tensor: String) throws -> [Int] { try #require(tensors.tensor(tensor)).shape }

    func integers(_ tensor: String) throws -> [Int32] {
        try tensors.withBytes(of: tensor) { _, bytes in
            (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self) }
        }
    }

    /// The tensors that a case's measurements made: `captures.0`, `attention.2`, ….
    func measured(_ name: String) -> [String] {
        tensors.tensors.map(\.name).filter { $0.hasPrefix("\(name).") }
            .map { String($0.dropFirst(name.utf8.count + 1)) }
            .filter { tensor in ["captures.", "attention.", "logit_lens."].contains { tensor.hasPrefix($0) } }
    }
}
