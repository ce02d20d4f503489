import Numerics

/// Keys and values of the positions already computed, by layer.
///
/// A value: a copy can be truncated and extended without the original seeing it. Copies share storage until one of them
/// grows.
///
/// A cache may begin with positions of another one (``init(sharing:first:)``). What a variant leaves as it was is then held
/// once for all variants of a prompt:
///
///     layer 0   base 0 ───────────────────────► n │ own: generated positions
///     layer l   base 0 ───────► first │ own: first ─────────────► n, generated positions
///
/// so that each layer's keys are one run of the base's and one of its own.
///
/// Keys and values have the number format of the decoder's weights (``DecoderConfiguration/numberFormat``): in bfloat16 they
/// are rounded once, as they come in, and every way through attention reads the rounded ones.
package struct KVCache: Sendable {
    /// The keys and values that several caches begin with; never written.
    private final class Base: Sendable {
        let keys: [KeyValueRows]
        let values: [KeyValueRows]

        init(keys: [KeyValueRows], values: [KeyValueRows]) {
            self.keys = keys
            self.values = values
        }
    }

    private let base: Base?
    /// How many positions of each layer are the base's.
    private var shared: [Int]
    /// Rotated keys of each layer, after the base's. During a pass, layers that the pass has been through hold rows
    /// that are not committed yet.
    private var keys: [KeyValueRows]
    private var values: [KeyValueRows]
    /// How many own positions each layer has for good.
    private var committed: [Int]
    /// How many positions are held.
    package private(set) var count = 0
    private let width: Int
    private let format: NumberFormat

    /// An empty cache for a decoder of this shape.
    package init(configuration: DecoderConfiguration) {
        base = nil
        let empty = KeyValueRows(inBFloat16: configuration.numberFormat == .bfloat16)
        keys = Array(repeating: empty, count: configuration.layers)
        values = keys
        shared = Array(repeating: 0, count: configuration.layers)
        committed = shared
        width = configuration.kvWidth
        format = configuration.numberFormat
    }

    /// A cache whose layer `l` begins with the first `first[l]` positions of `cache`.
    ///
    /// A pass must then bring every layer to the same length: `first` is how far each is there already.
    ///
    /// - Parameter cache: holds its own rows alone, and at least `first[l]` of them.
    package init(sharing cache: KVCache, first: [Int]) {
        precondition(cache.base == nil, "a cache that shares is no base")
        precondition(
            first.count == cache.keys.count && first.allSatisfy { (0...cache.count).contains($0) },
            "each layer begins with positions that the base has")
        base = Base(keys: cache.keys, values: cache.values)
        shared = first
        keys = cache.keys.first.map { Array(repeating: $0.emptied, count: first.count) } ?? []
        values = keys
        committed = Array(repeating: 0, count: first.count)
        width = cache.width
        format = cache.format
        if let length = first.first, first.allSatisfy({ $0 == length }) { count = length }
    }

    /// Forgets the positions from `length` on.
    package mutating func truncate(to length: Int) {
        precondition(length >= 0 && length <= count, "a cache of \(count) positions has no first \(length)")
        for layer in shared.indices {
            shared[layer] = min(shared[layer], length)
            committed[layer] = length - shared[layer]
        }
        count = length
        discardUncommitted()
    }

    /// Drops what a pass that was abandoned halfway left in its first layers.
    mutating func discardUncommitted() {
        for layer in keys.indices where keys[layer].count != committed[layer] * width {
            keys[layer].removeLast(keys[layer].count - committed[layer] * width)
            values[layer].removeLast(values[layer].count - committed[layer] * width)
        }
    }

    /// Adds the rows of a pass to one layer, `[rows, kvHeads * headSize]`. Growth is amortised.
    mutating func append(keys newKeys: ArraySlice<Float>, values newValues: ArraySlice<Float>, layer: Int) {
        precondition(newKeys.count == newValues.count && newKeys.count % width == 0, "a row each of keys and values")
        keys[layer].append(newKeys)
        values[layer].append(newValues)
    }

    /// Makes what every layer has been given part of the prefix, which is `length` positions long then.
    mutating func commit(to length: Int) {
        for layer in keys.indices {
            committed[layer] = keys[layer].count / width
            precondition(shared[layer] + committed[layer] == length, "every layer must have its rows")
        }
        count = length
    }

    /// How many positions a layer holds, those of a pass under way among them.
    func length(layer: Int) -> Int { shared[layer] + keys[layer].count / width }

    /// Adds a layer's keys and values, in the order of positions, to the sequence that was begun last in a batch.
    ///
    /// - Parameter positions: how many of the first positions are meant; all where `nil`.
    func addSegments(layer: Int, upTo positions: Int? = nil, to batch: inout AttentionProduct.Batch) {
        let end = positions ?? length(layer: layer)
        let fromBase = min(shared[layer], end)
        if let base, fromBase > 0 {
            batch.append(
                AttentionProduct.Segment(keys: base.keys[layer], values: base.values[layer], count: fromBase))
        }
        if end > shared[layer] {
            batch.append(
                AttentionProduct.Segment(keys: keys[layer], values: values[layer], count: end - shared[layer]))
        }
    }

    /// A layer's keys and values in the order of positions.
    func segments(layer: Int) -> [AttentionProduct.Segment] {
        var batch = AttentionProduct.Batch()
        batch.append(rows: 0..<0, firstVisible: 0)
        addSegments(layer: layer, to: &batch)
        return batch.segments
    }

    /// The bytes of the own keys and values.
    package var byteCount: Int {
        keys.reduce(0) { $0 + $1.byteCount } + values.reduce(0) { $0 + $1.byteCount }
    }

    /// Whether the cache was made for a decoder of this shape.
    func fits(_ configuration: DecoderConfiguration) -> Bool {
        keys.count == configuration.layers && width == configuration.kvWidth && format == configuration.numberFormat
    }
}
