import Checkpoints
import Foundation
import Models
import Numerics
import StrictJSON
import Testing

/// One checkpoint of `Tests/Goldens` and what the reference implementation computed with it.
struct Golden {
    let name: String
    let tensors: SafetensorsFile
    let reference: JSONValue

    /// The committed ones, and folders named in `NARROWGATE_GOLDENS`, for trying others by hand.
    static let names =
        ["chameleon-tiny", "chameleon-34b-tiny"]
        + (ProcessInfo.processInfo.environment["NARROWGATE_GOLDENS"] ?? "").split(separator: ":").map(String.init)

    init(_ name: String) throws {
        self.name = name
        tensors = try SafetensorsFile(path: Self.directory(name).appending(path: "reference.safetensors").path)
        let text = try Data(contentsOf: Self.directory(name).appending(path: "reference.json"))
        reference = try JSONParser.parse(text)
    }

    var directory: URL { Self.directory(name) }

    /// A committed golden's folder; an absolute name is a folder itself.
    static func directory(_ name: String) -> URL {
        if name.hasPrefix("/") { return URL(filePath: name) }
        return URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Goldens").appending(path: name)
    }

    func shape(_ tensor: String) throws -> [Int] { try #require(tensors.tensor(tensor)).shape }

    func floats(_ tensor: String) throws -> [Float] {
        try tensors.withBytes(of: tensor) { description, bytes in
            precondition(description.type == .float32)
            return (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
        }
    }

    func integers(_ tensor: String) throws -> [Int] {
        try tensors.withBytes(of: tensor) { description, bytes in
            precondition(description.type == .int32)
            return (0..<bytes.count / 4).map { Int(bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self)) }
        }
    }

    func model() throws -> VisionLanguageModel { try VisionLanguageModel(directory: directory, name: name) }

    /// The file of picture `a` or `b`.
    func picture(_ key: String) throws -> [UInt8] {
        let file = try #require(reference["images"]?[key]?.stringValue)
        return Array(try Data(contentsOf: directory.appending(path: file)))
    }

    var prompt: String { reference["prompt"]?.stringValue ?? "" }

    /// Slice `index` of the outermost dimension.
    func slice(_ tensor: String, _ index: Int) throws -> [Float] {
        let all = try floats(tensor)
        let size = all.count / (try shape(tensor)[0])
        return Array(all[index * size..<(index + 1) * size])
    }

    func position(_ name: String) throws -> Int { try #require(reference["positions"]?[name]?.integerValue) }

    /// Greedy tokens without an intervention, or under one.
    func greedy(_ name: String) throws -> [Int] {
        try #require(reference["greedy"]?[name]?["tokens"]?.arrayValue).compactMap(\.integerValue)
    }
}

/// How far a tensor is from the reference: the largest difference over the largest absolute value.
///
/// Masked logits (the lowest finite value) must be equal and do not count as a largest value.
func relativeError(_ actual: [Float], _ expected: [Float]) -> Double {
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
