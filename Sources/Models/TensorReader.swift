import Checkpoints
import Numerics

/// Reads a checkpoint's tensors in the shapes that a configuration gives, and remembers which were read.
final class TensorReader {
    private let checkpoint: Checkpoint
    private var names: Set<String> = []

    init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

    func contains(_ name: String) -> Bool { checkpoint.contains(name) }

    /// The elements of a tensor of any shape, row-major.
    func floats(_ name: String, _ shape: [Int]) throws -> [Float] {
        names.insert(name)
        return try checkpoint.floats(name, shape: shape)
    }

    func vector(_ name: String, _ count: Int) throws -> [Float] { try floats(name, [count]) }

    /// A linear layer's weight, `[out, in]`, in the number format that the model is computed in.
    ///
    /// bfloat16 elements that the file stores are used where it is mapped; others are rounded into memory.
    func linear(_ name: String, _ rows: Int, _ columns: Int, _ format: NumberFormat) throws -> LinearWeight {
        guard format == .bfloat16 else { return .float32(try matrix(name, rows, columns)) }
        // An odd address, which a header of odd length makes, is none of a two-byte element.
        guard let tensor = try checkpoint.mapped(name, shape: [rows, columns]),
            tensor.description.type == .bfloat16, let start = tensor.bytes.baseAddress,
            UInt(bitPattern: start).isMultiple(of: 2)
        else { return .bfloat16(BFloat16Matrix(rounding: try matrix(name, rows, columns))) }
        names.insert(name)
        // The map holds rows * columns elements, which the shape says, and lives as long as its owner.
        return .bfloat16(
            BFloat16Matrix(
                rows: rows, columns: columns, start: start.assumingMemoryBound(to: UInt16.self), owner: tensor.owner))
    }

    /// A matrix in float32.
    func matrix(_ name: String, _ rows: Int, _ columns: Int) throws -> Matrix {
        Matrix(rows: rows, columns: columns, elements: try floats(name, [rows, columns]))
    }

    /// Refuses a tensor under `prefix` that nobody read: more layers or more parameters than the configuration knows
    /// would mean another computation.
    ///
    /// - Parameter suffixes: endings of tensors that say nothing about the computation.
    func refuseLeftovers(under prefix: String, except suffixes: [String]) throws {
        let left = checkpoint.tensorNames.first { name in
            name.hasPrefix(prefix) && !names.contains(name) && !suffixes.contains { name.hasSuffix($0) }
        }
        if let left {
            throw ModelError(
                .configuration, at: left, "the checkpoint has this tensor, but config.json leaves no place for it")
        }
    }
}
