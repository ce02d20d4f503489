import Numerics

/// Keys and values of the positions already computed, by layer.
///
/// A value: a copy can be truncated and extended without the original seeing it, so that variants may begin from one
/// prefix. Copies share storage until one of them grows.
package struct KVCache: Sendable {
    /// Rotated keys of each layer, `[positions, kvHeads * headSize]`. During a pass, layers that the pass has been
    /// through are `rows` longer than ``count``.
    private(set) var keys: [[Float]]
    /// Values of each layer, as ``keys``.
    private(set) var values: [[Float]]
    /// How many positions are held.
    package private(set) var count = 0
    private let width: Int

    /// An empty cache for a decoder of this shape.
    package init(configuration: DecoderConfiguration) {
        keys = Array(repeating: [], count: configuration.layers)
        values = keys
        width = configuration.kvWidth
    }

    /// Forgets the positions from `length` on.
    package mutating func truncate(to length: Int) {
        precondition(length >= 0 && length <= count, "a cache of \(count) positions has no first \(length)")
        count = length
        discardUncounted()
    }

    /// Drops what a pass that was abandoned halfway left in its first layers.
    mutating func discardUncounted() {
        for layer in keys.indices where keys[layer].count != count * width {
            keys[layer].removeLast(keys[layer].count - count * width)
            values[layer].removeLast(values[layer].count - count * width)
        }
    }

    /// Adds the rows of a pass to one layer, `[rows, kvHeads * headSize]`. Growth is amortised.
    mutating func append(keys newKeys: Matrix, values newValues: Matrix, layer: Int) {
        precondition(newKeys.columns == width && newValues.columns == width && newKeys.rows == newValues.rows)
        keys[layer].append(contentsOf: newKeys.elements)
        values[layer].append(contentsOf: newValues.elements)
    }

    /// Makes the rows that every layer has been given part of the prefix.
    mutating func commit(rows: Int) {
        count += rows
        precondition(keys.allSatisfy { $0.count == count * width }, "every layer must have its rows")
    }

    /// Whether the cache was made for a decoder of this shape.
    func fits(_ configuration: DecoderConfiguration) -> Bool {
        keys.count == configuration.layers && width == configuration.kvWidth
    }
}
