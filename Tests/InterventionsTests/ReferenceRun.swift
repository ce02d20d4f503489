import Checkpoints
import Foundation
import Interventions
import Models
import StrictJSON
import Testing

/// One checkpoint of `Tests/Goldens`, and what the reference implementation computed with it.
struct ReferenceRun {
    let model: VisionLanguageModel
    let prompt: String
    let layers: Int
    private let folder: URL
    private let tensors: SafetensorsFile
    private let reference: JSONValue
    private let images: [String: EncodedImage]

    init(_ checkpoint: String) throws {
        folder = TinyModel.goldens.appending(path: checkpoint)
        model = try VisionLanguageModel(directory: folder, name: checkpoint)
        tensors = try SafetensorsFile(path: folder.appending(path: "reference.safetensors").path)
        reference = try JSONParser.parse(
            [UInt8](try Data(contentsOf: folder.appending(path: "reference.json"))))
        prompt = try #require(reference["prompt"]?.stringValue)
        layers = try #require(reference["n_layers"]?.integerValue)
        var images: [String: EncodedImage] = [:]
        for name in ["a", "b"] {
            images[name] = try model.encode(
                file: [UInt8](try Data(contentsOf: folder.appending(path: "image_\(name).png"))))
        }
        self.images = images
    }

    func encoded(_ name: String) throws -> EncodedImage { try #require(images[name]) }

    /// A run on picture `a` or `b`, at the reference's prompt; patches take their states from `b`.
    func trace(
        of image: String = "a", under set: InterventionSet = InterventionSet(), generating tokens: Int = 0,
        writing tensors: [TraceTensor] = TraceTensor.allCases
    ) throws -> TraceMemory {
        let trace = try Trace(
            .text(prompt), image: image, sourceImage: "b", on: model, interventions: set, generatedTokens: tokens,
            tensors: tensors)
        let memory = TraceMemory(try trace.layout(image: try encoded(image)))
        try trace.run(images: { try encoded($0) }, memory)
        return memory
    }

    func shape(_ tensor: String) throws -> [Int] { try #require(tensors.tensor(tensor)).shape }

    func floats(_ tensor: String) throws -> [Float] {
        try tensors.withBytes(of: tensor) { _, bytes in
            (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
        }
    }

    func integers(_ tensor: String) throws -> [Int32] {
        try tensors.withBytes(of: tensor) { _, bytes in
            (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self) }
        }
    }

    /// Greedy tokens without an intervention, or under one.
    func greedy(_ name: String) throws -> [Int32] {
        try #require(optionalGreedy(name))
    }

    /// The same; `nil` under an intervention that the reference did not generate under.
    func optionalGreedy(_ name: String) -> [Int32]? {
        reference["greedy"]?[name]?["tokens"]?.arrayValue?.compactMap { $0.integerValue.map(Int32.init) }
    }

    /// A knockout as `reference.json` spells it: positions as numbers, where generated tokens count as text.
    func knockout(_ name: String) throws -> InterventionSet {
        let rule = try #require(reference["interventions"]?[name])
        let queries = try #require(rule["queries"])
        let isText = queries == reference["positions"]?["text"]
        let mode = try #require(["post": "zero", "pre": "mask"][rule["mode"]?.stringValue ?? ""])
        let cut: JSONValue = [
            "queries": isText ? "text" : queries, "keys": try #require(rule["keys"]),
            "layers": try #require(rule["layers"]), "mode": .string(mode),
        ]
        return try InterventionSet(JSONField(["knockouts": [cut]]))
    }
}

/// Keeps a trace where a test can look at it.
final class TraceMemory: Trace.Sink {
    private(set) var floats: [String: [Float]] = [:]
    private(set) var integers: [String: [Int32]] = [:]
    private(set) var shapes: [String: [Int]] = [:]

    init(_ layout: [TraceEntry]) {
        for entry in layout {
            shapes[entry.name] = entry.shape
            // What is never written stays NaN, which agrees with nothing.
            if !entry.isInteger { floats[entry.name] = Array(repeating: .nan, count: entry.shape.reduce(1, *)) }
        }
    }

    func write(_ values: [Float], to tensor: String, at element: Int) {
        floats[tensor]?.replaceSubrange(element..<element + values.count, with: values)
    }

    func write(_ values: [Int32], to tensor: String) { integers[tensor] = values }

    /// The last position's row of a tensor `[…, T, width]`, in slice `index` of its first dimension (0 for `[T, width]`).
    func lastRow(_ tensor: TraceTensor, of index: Int) -> [Float]? {
        guard let values = floats[tensor], let shape = shapes[tensor], shape.count >= 2 else { return nil }
        let (rows, width) = (shape[shape.count - 2], shape[shape.count - 1])
        let end = (index + 1) * rows * width
        return Array(values[end - width..<end])
    }
}

extension Dictionary where Key == String {
    subscript(tensor: TraceTensor) -> Value? { self[tensor.rawValue] }
}

extension ReferenceRun {
    /// The largest difference over the largest absolute value of `expected`.
    ///
    /// Masked logits (the lowest finite value) must be equal and do not count as a largest value.
    static func relativeError(_ actual: [Float], _ expected: [Float]) -> Double {
        guard actual.count == expected.count else { return .infinity }
        var (difference, largest) = (0.0, 0.0)
        for (a, e) in zip(actual, expected) {
            if e == -Float.greatestFiniteMagnitude || a == -Float.greatestFiniteMagnitude {
                if a != e { return .infinity }
                continue
            }
            guard a.isFinite else { return .infinity }
            difference = max(difference, abs(Double(a) - Double(e)))
            largest = max(largest, abs(Double(e)))
        }
        return largest > 0 ? difference / largest : difference
    }
}
