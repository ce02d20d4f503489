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

    /// A linear layer's weight, `[out, in]`.
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
