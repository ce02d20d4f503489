package import Numerics
import Synchronization

// The forward pass of all families.
//
// A pass advances rows: the positions that follow the cache's prefix, of one sequence or of many, stacked so that
// each weight matrix is read once for all of them. A prompt computed at once, in pieces or row by row goes through the
// same products and differs in low bits at most. Hooks see every site in the order of the computation; without
// hooks nothing is copied for them.
//
// Weights are immutable and shared, so passes of several callers do not disturb each other; the products
// inside share one team of threads, which wants them called from one long-lived thread.

/// A Llama-style decoder: RMS norms, rotary positions, grouped-query attention, gated feed-forward blocks.
package final class Decoder: Sendable {
    package let configuration: DecoderConfiguration
    /// Token ids whose logits ``logits(_:)`` sets to the lowest finite `Float`, ascending.
    package let maskedTokenIDs: [Int]
    let weights: DecoderWeights
    let rotary: RotaryEmbedding
    let heads: AttentionProduct
    /// Memory of passes of few rows, for the next ones: decoding in bfloat16 then asks for none in any layer.
    private let idleBuffers = Mutex<[PassBuffers]>([])

    /// - Parameters:
    ///   - weights: in the shapes that `configuration` gives.
    ///   - maskedTokenIDs: ids below the vocabulary's size that text must never contain.
    package init(configuration: DecoderConfiguration, weights: DecoderWeights, maskedTokenIDs: [Int]) {
        precondition(weights.layers.count == configuration.layers, "one set of weights a layer")
        precondition(maskedTokenIDs.allSatisfy { (0..<configuration.vocabulary).contains($0) }, "ids are tokens")
        self.configuration = configuration.stored(in: weights.numberFormat)
        self.weights = weights
        self.maskedTokenIDs = maskedTokenIDs.sorted()
        rotary = RotaryEmbedding(
            headSize: configuration.headSize, base: configuration.ropeBase, factor: configuration.ropeFactor)
        heads = AttentionProduct(
            heads: configuration.heads, kvHeads: configuration.kvHeads, headSize: configuration.headSize)
    }

    /// Embedding rows of token ids, `[tokens, hidden]`. Ids lie in the vocabulary.
    package func embed(_ ids: [Int]) -> Matrix { weights.embedding.rows(ids) }

    /// Advances rows through all layers and adds them to the cache.
    ///
    /// - Parameters:
    ///   - embeddings: `[rows, hidden]`; row `r` sits at position `cache.count + r`.
    ///   - cache: the prefix; `rows` longer afterwards, unchanged if the pass is abandoned.
    ///   - hooks: see and may change the pass.
    ///   - results: the rows whose states are read.
    /// - Returns: the final-normed states of the rows that are read, or more of them, `[rows, hidden]`; the last is the last.
    /// - throws: ``ModelError`` of kind `length` beyond the model's positions; what a hook throws.
    package func forward(
        _ embeddings: Matrix, cache: inout KVCache, hooks: (any ForwardHooks)? = nil, reading results: ResultRows = .all
    ) throws -> Matrix {
        // A pass abandoned earlier may have left rows in its first layers.
        cache.discardUncommitted()
        var sequences = [SequenceRows(embeddings, after: cache, hooks: hooks)]
        // The sequence holds the only reference now: a cache that were shared would be copied when it grows.
        cache = KVCache(configuration: configuration)
        defer {
            cache = sequences[0].cache
            cache.discardUncommitted()
        }
        return try forward(&sequences, rows: .together, reading: results, boundary: {})[0]
    }

    /// Advances the rows of several sequences together and adds them to their caches.
    ///
    /// Attention is each sequence's own, and so are the bits of products' rows: what a sequence gives does not depend on which
    /// others there are, to the last bit (docs/numerics.md).
    ///
    /// - Parameters:
    ///   - results: the rows of each sequence whose states are read.
    ///   - boundary: called before each layer and before the final norm, once for all sequences.
    /// - Returns: the final-normed states of each sequence's rows at the last layer, those that are read at least,
    ///   `[rows, hidden]`.
    /// - throws: ``ModelError`` of kind `length` beyond the model's positions; what a hook or `boundary` throws. The caches may
    ///   then hold rows of the first layers, which the next pass drops.
    package func forward(
        _ sequences: inout [SequenceRows], reading results: ResultRows = .all, boundary: () throws -> Void = {}
    ) throws -> [Matrix] {
        try forward(&sequences, rows: .tiled, reading: results, boundary: boundary)
    }

    private func forward(
        _ sequences: inout [SequenceRows], rows grouping: ProductRows, reading results: ResultRows,
        boundary: () throws -> Void
    ) throws -> [Matrix] {
        for index in sequences.indices {
            sequences[index].cache.discardUncommitted()
            precondition(sequences[index].fits(configuration), "rows, cache and decoder are of one shape")
            guard sequences[index].end <= configuration.maximumPositions else {
                throw ModelError(
                    .length,
                    "the sequence would have \(sequences[index].end) tokens; "
                        + "this model takes \(configuration.maximumPositions)")
            }
        }
        var stack = RowStack(sequences: sequences.count, hidden: configuration.hidden, products: grouping)
        var buffers = idleBuffers.withLock { $0.popLast() } ?? PassBuffers()
        defer { if buffers.areSmall { idleBuffers.withLock { $0.append(buffers) } } }
        for layer in 0..<configuration.layers {
            try boundary()
            for sequence in sequences { try sequence.hooks?.willEnter(layer: layer) }
            stack.join(sequences, layer: layer)
            guard stack.states.rows > 0 else { continue }
            try advance(&stack, layer: layer, &sequences, &buffers, reading: results)
        }
        try boundary()
        for sequence in sequences { try sequence.hooks?.willEnter(layer: configuration.layers) }
        let normed = finalNormalized(stack.states)
        var states: [Matrix] = []
        for (index, extent) in stack.extents.enumerated() {
            let rows = sequences.count == 1 ? normed : normed.rows(extent)
            if !extent.isEmpty {
                let end = sequences[index].end
                sequences[index].hooks?.finalNorm(positions: end - extent.count..<end, state: rows)
            }
            sequences[index].cache.commit(to: sequences[index].end)
            states.append(rows)
        }
        return states
    }

    /// Residual-stream rows as the head reads them, `[rows, hidden]`: through the final norm.
    package func finalNormalized(_ states: Matrix) -> Matrix {
        states.rmsNormalized(weight: weights.finalNorm, epsilon: configuration.rmsEpsilon)
    }

    /// Logits of final-normed rows, `[rows, vocabulary]`; masked ids at `-Float.greatestFiniteMagnitude`.
    package func logits(_ states: Matrix, rows grouping: ProductRows = .together) -> Matrix {
        var logits = states.multiplied(byTransposed: weights.head, rows: grouping)
        for row in 0..<logits.rows {
            for id in maskedTokenIDs {
                logits.elements[row * logits.columns + id] = -Float.greatestFiniteMagnitude
            }
        }
        return logits
    }
}
