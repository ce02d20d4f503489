import Checkpoints
import Foundation
import StrictJSON
import Testing

/// A copy of the tiny golden's folder in a temporary place, with some of its settings changed.
final class ScratchModel {
    let directory: URL

    init() throws {
        directory = URL.temporaryDirectory.appending(path: "narrowgate-models-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let source = Golden.directory("chameleon-tiny")
        for file in [
            "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json",
            "processor_config.json",
        ] {
            try FileManager.default.copyItem(
                at: source.appending(path: file), to: directory.appending(path: file))
        }
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    func write(_ file: String, _ value: JSONValue) throws {
        try Data(value.bytes).write(to: directory.appending(path: file))
    }

    func remove(_ file: String) throws { try FileManager.default.removeItem(at: directory.appending(path: file)) }

    func object(_ file: String) throws -> JSONObject {
        try #require(ConfigurationReader.parse(directory.appending(path: file).path).objectValue)
    }

    /// Changes members of a settings file; `nil` removes one.
    func edit(_ file: String, _ changes: [(String, JSONValue?)]) throws {
        var object = try object(file)
        for (name, value) in changes { object[name] = value }
        try write(file, .object(object))
    }

    /// Rewrites the weights without some tensors, with others renamed or replaced by zeros of another shape.
    func editWeights(removing removed: Set<String> = [], adding added: [(name: String, shape: [Int])] = []) throws {
        let path = directory.appending(path: "model.safetensors").path
        let source = try SafetensorsFile(path: path)
        let names = Set(added.map(\.name)).union(removed)
        let kept = source.tensors.filter { !names.contains($0.name) }
            .map { TensorDescription(name: $0.name, type: .float32, shape: $0.shape) }
        let new = added.map { TensorDescription(name: $0.name, type: .float32, shape: $0.shape) }
        let checkpoint = try Checkpoint(directory: directory.path)
        let values = try kept.map { try checkpoint.floats($0.name, shape: $0.shape) }
        let writer = try SafetensorsWriter(path: path + ".new", tensors: kept + new)
        for (tensor, values) in zip(kept, values) { try writer.write(values, to: tensor.name) }
        for tensor in new {
            try writer.write([Float](repeating: 0, count: tensor.shape.reduce(1, *)), to: tensor.name)
        }
        try writer.finish()
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: path + ".new", toPath: path)
    }
}
