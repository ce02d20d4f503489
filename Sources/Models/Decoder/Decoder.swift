package import Numerics

// The forward pass of all families.
//
// A pass advances rows: the positions that follow the cache's prefix. A prompt computed at once, in pieces or
// row by row goes through the same products and differs in low bits at most. Hooks see every site in
// the order of the computation; without hooks nothing is copied for them.
//
// Weights are immutable and shared, so passes of several callers do not disturb each other; the products
// inside are threaded by OpenBLAS, which wants them called from one long-lived thread.

/// A Llama-style decoder: RMS norms, rotary positions, grouped-query attention, gated feed-forward blocks.
package final class Decoder: Sendable {
    package let configuration: DecoderConfiguration
    /// Token ids whose logits ``logits(_:)`` sets to the lowest finite `Float`, ascending.
    package let maskedTokenIDs: [Int]
    let weights: DecoderWeights
    let rotary: RotaryEmbedding
    let heads: AttentionProduct

    /// - Parameters:
    ///   - weights: in the shapes that `configuration` gives.
    ///   - maskedTokenIDs: ids below the vocabulary's size that text must never contain.
    package init(configuration: DecoderConfiguration, weights: DecoderWeights, maskedTokenIDs: [Int]) {
        precondition(weights.layers.count == configuration.layers, "one set of weights a layer")
        precondition(maskedTokenIDs.allSatisfy { (0..<configuration.vocabulary).contains($0) }, "ids are tokens")
        self.configuration = configuration
        self.weights = weights
        self.maskedTokenIDs = maskedTokenIDs.sorted()
        rotary = RotaryEmbedding(
            headSize: configuration.headSize, base: configuration.ropeBase, factor: configuration.ropeFactor)
        heads = AttentionProduct(
            heads: configuration.heads, kvHeads: configuration.kvHeads, headSize: configuration.headSize)
    }

    /// Embedding rows of token ids, `[tokens, hidden]`. Ids lie in the vocabulary.
    package func embed(_ ids: [Int]) -> Matrix {
        var states = Matrix(rows: ids.count, columns: configuration.hidden)
        for (row, id) in ids.enumerated() { states.setRow(row, weights.embedding.row(id)) }
        return states
    }

    /// Advances rows through all layers and adds them to the cache.
    ///
    /// - Parameters:
    ///   - embeddings: `[rows, hidden]`; row `r` sits at position `cache.count + r`.
    ///   - cache: the prefix; `rows` longer afterwards, unchanged if the pass is abandoned.
    ///   - hooks: see and may change the pass.
    /// - Returns: the final-normed states of those rows, `[rows, hidden]`.
    /// - throws: ``ModelError`` of kind `length` beyond the model's positions; what a hook throws.
    package func forward(
        _ embeddings: Matrix, cache: inout KVCache, hooks: (any ForwardHooks)? = nil
    ) throws -> Matrix {
        precondition(embeddings.columns == configuration.hidden, "embeddings are [rows, hidden]")
        precondition(cache.fits(configuration), "the cache belongs to a decoder of another shape")
        let positions = cache.count..<cache.count + embeddings.rows
        guard positions.upperBound <= configuration.maximumPositions else {
            throw ModelError(
                .length,
                "the sequence would have \(positions.upperBound) tokens; "
                    + "this model takes \(configuration.maximumPositions)")
        }
        // A pass abandoned earlier may have left rows in its first layers.
        cache.discardUncounted()
        var states = embeddings
        for layer in 0..<configuration.layers {
            try hooks?.willEnter(layer: layer)
            try advance(&states, layer: layer, positions: positions, cache: &cache, hooks: hooks)
        }
        try hooks?.willEnter(layer: configuration.layers)
        let normed = finalNormalized(states)
        hooks?.finalNorm(positions: positions, state: normed)
        cache.commit(rows: embeddings.rows)
        return normed
    }

    /// Residual-stream rows as the head reads them, `[rows, hidden]`: through the final norm.
    package func finalNormalized(_ states: Matrix) -> Matrix {
        states.rmsNormalized(weight: weights.finalNorm, epsilon: configuration.rmsEpsilon)
    }

    /// Logits of final-normed rows, `[rows, vocabulary]`; masked ids at `-Float.greatestFiniteMagnitude`.
    package func logits(_ states: Matrix) -> Matrix {
        var logits = states.multiplied(byTransposed: weights.head)
        for row in 0..<logits.rows {
            for id in maskedTokenIDs {
                logits.elements[row * logits.columns + id] = -Float.greatestFiniteMagnitude
            }
        }
        return logits
    }
}
