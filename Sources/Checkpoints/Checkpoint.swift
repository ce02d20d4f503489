import Foundation
import StrictJSON

/// The weights of a model folder in the Hugging Face layout: `model.safetensors`, or several shards under
/// `model.safetensors.index.json`.
///
/// Opening validates every header and the index, and reads no weights.
package struct Checkpoint: Sendable {
    /// The folder, as it was asked for.
    package let directory: String
    /// The shards, in the order of their names; one file without an index is a single shard.
    package let shards: [SafetensorsFile]
    private let shardOfTensor: [String: Int]

    /// Opens the checkpoint in `directory`. Where both layouts are present, the single file wins, as in transformers.
    ///
    /// - throws: ``CheckpointError`` that names the file and the tensor.
    package init(directory: String) throws {
        self.directory = directory
        let single = directory + "/model.safetensors"
        let index = directory + "/model.safetensors.index.json"
        if FileManager.default.fileExists(atPath: single) {
            shards = [try SafetensorsFile(path: single)]
            shardOfTensor = try Self.assign(shards)
        } else if FileManager.default.fileExists(atPath: index) {
            let map = try Self.readIndex(index)
            shards = try Set(map.map(\.shard)).sorted().map { try SafetensorsFile(path: directory + "/" + $0) }
            shardOfTensor = try Self.assign(shards)
            try Self.check(map, against: shardOfTensor, shards: shards, index: index)
        } else {
            throw CheckpointError(
                file: directory, "has neither model.safetensors nor model.safetensors.index.json")
        }
    }

    /// All tensor names, sorted.
    package var tensorNames: [String] { shardOfTensor.keys.sorted() }

    /// The number of stored elements, over all tensors.
    package var parameterCount: Int {
        shards.reduce(0) { $0 + $1.tensors.reduce(0) { $0 + ($1.sizes?.elements ?? 0) } }
    }

    package func contains(_ name: String) -> Bool { shardOfTensor[name] != nil }

    /// The shape of tensor `name`, or `nil` where there is none.
    package func shape(of name: String) -> [Int]? { description(of: name)?.shape }

    /// Type and shape of tensor `name`, or `nil` where there is none.
    package func description(of name: String) -> TensorDescription? {
        shardOfTensor[name].flatMap { shards[$0].tensor(name) }
    }

    /// The elements of tensor `name`, widened to `Float`, row-major.
    ///
    /// - Parameter shape: what the caller's configuration says the shape must be.
    /// - throws: ``CheckpointError`` where the tensor is absent, has another shape, or holds no float type
    ///   (F32, F16, BF16).
    package func floats(_ name: String, shape: [Int]) throws -> [Float] {
        try withBytes(of: name) { tensor, bytes in
            let file = shards[shardOfTensor[name] ?? 0].path
            try check(tensor, shape: shape, file: file)
            let count = bytes.count / tensor.type.byteCount
            guard tensor.type != .float64, let values = FloatConversion.floats(bytes, as: tensor.type, count: count)
            else {
                throw CheckpointError(
                    file: file, subject: name, "holds \(tensor.type.rawValue); weights must be F32, F16 or BF16")
            }
            return values
        }
    }

    /// Gives `body` the raw elements of tensor `name`, straight from the map and perhaps unaligned; they must not be
    /// used after it returns.
    package func withBytes<Result>(
        of name: String, _ body: (TensorDescription, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        guard let shard = shardOfTensor[name] else {
            throw CheckpointError(file: directory, subject: name, "the checkpoint has no such tensor")
        }
        return try shards[shard].withBytes(of: name, body)
    }

    /// Tensor `name` where its file is mapped; `nil` for a file in memory.
    ///
    /// - throws: ``CheckpointError`` where the tensor is absent or has another shape.
    package func mapped(_ name: String, shape: [Int]) throws -> MappedTensor? {
        guard let shard = shardOfTensor[name] else {
            throw CheckpointError(file: directory, subject: name, "the checkpoint has no such tensor")
        }
        if let tensor = shards[shard].tensor(name) { try check(tensor, shape: shape, file: shards[shard].path) }
        return try shards[shard].mapped(name)
    }

    private func check(_ tensor: TensorDescription, shape: [Int], file: String) throws(CheckpointError) {
        guard tensor.shape == shape else {
            throw CheckpointError(
                file: file, subject: tensor.name, "has shape \(tensor.shape); the configuration asks for \(shape)")
        }
    }

    // MARK: Validation

    private static func assign(_ shards: [SafetensorsFile]) throws -> [String: Int] {
        var owner: [String: Int] = [:]
        for (position, shard) in shards.enumerated() {
            for tensor in shard.tensors {
                if let other = owner.updateValue(position, forKey: tensor.name) {
                    throw CheckpointError(
                        file: shard.path, subject: tensor.name, "is also in \(shards[other].path)")
                }
            }
        }
        return owner
    }

    private static func readIndex(_ path: String) throws -> [(tensor: String, shard: String)] {
        do {
            let fields = try JSONField(ConfigurationReader.parse(path)).object()
            let map = try fields.required("weight_map")
            guard case .object(let members) = map.value else { throw map.invalid("expected an object") }
            return try members.members.map { name, value in
                let field = JSONField(value, path: "weight_map.\(name)")
                let shard = try field.string()
                guard isPlainName(shard) else {
                    throw field.invalid("\"\(shard)\" must be the plain name of a .safetensors file in the same folder")
                }
                return (name, shard)
            }
        } catch let error as JSONError {
            throw CheckpointError(file: path, error.description)
        }
    }

    /// A name that cannot lead out of the folder.
    private static func isPlainName(_ name: String) -> Bool {
        name.hasSuffix(".safetensors") && !name.hasPrefix(".")
            && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
    }

    private static func check(
        _ map: [(tensor: String, shard: String)], against owner: [String: Int], shards: [SafetensorsFile], index: String
    ) throws {
        for (tensor, shard) in map {
            guard let position = owner[tensor], shards[position].path.hasSuffix("/" + shard) else {
                throw CheckpointError(file: index, subject: tensor, "is said to be in \(shard), but is not there")
            }
        }
        let known = Set(map.map(\.tensor))
        if let (tensor, position) = owner.first(where: { !known.contains($0.key) }) {
            throw CheckpointError(file: index, subject: tensor, "is in \(shards[position].path), but not in weight_map")
        }
    }
}
