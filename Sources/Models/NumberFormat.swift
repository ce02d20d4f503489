import Checkpoints

/// What a decoder's linear weights are stored and multiplied in. Everything else is float32 in both.
package enum NumberFormat: String, Sendable, CaseIterable {
    /// Weights widened when a model is loaded, products by OpenBLAS: agrees with the reference implementation.
    case float32
    /// Weights as two bytes an element, mapped from the checkpoint where it stores them so; sums in float32.
    case bfloat16

    /// All of them, for messages.
    package static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

    /// A checkpoint of 16-bit weights with more parameters than this is computed in bfloat16 unless somebody says otherwise.
    ///
    /// Below, float32 is what people compare with the reference, costs at most half a gigabyte, and is fast enough;
    /// above, it doubles the memory and the time of every token for digits that the weights do not have.
    package static let mostFloat32Parameters = 1 << 27

    /// The format to compute a checkpoint in: what was asked for, else what its folder says, else what its size and
    /// stored type suggest (docs/numerics.md).
    static func choose(asked: NumberFormat?, folder: NumberFormat?, checkpoint: Checkpoint) -> NumberFormat {
        if let format = asked ?? folder { return format }
        guard checkpoint.parameterCount > mostFloat32Parameters else { return .float32 }
        var elements: [TensorType: Int] = [:]
        for shard in checkpoint.shards {
            for tensor in shard.tensors { elements[tensor.type, default: 0] += tensor.shape.reduce(1, *) }
        }
        let most = elements.max { $0.value < $1.value }?.key
        return most == .bfloat16 || most == .float16 ? .bfloat16 : .float32
    }

    /// How far logits may be off, relative to the largest: a margin within twice of it is a near tie.
    ///
    /// float32: the parity bar. bfloat16: no less than the largest difference from float32 measured on four checkpoints
    /// (docs/numerics.md).
    package var logitError: Float {
        switch self {
        case .float32: 1e-4
        case .bfloat16: 1.4e-2
        }
    }
}
