package import Numerics

/// One sequence's part in a pass over several: the rows that it brings, and what is done to them.
///
/// Most passes bring all their rows to layer 0: a prompt, or the token generated last. A variant of a prompt
/// brings what it can change and nothing else, so its rows join where its interventions first reach them:
///
///     layer 4   ............####      "." is left as the clean run had it: keys and values are read from
///     layer 3   ............####      the cache, which shares them
///     layer 2   ...............#      "#" is computed
///     layer 1   ................
package struct SequenceRows {
    /// The prefix, and this sequence's keys and values so far.
    package var cache: KVCache
    /// One past the last row's position.
    package let end: Int
    /// States that join on entering a layer, `[rows, hidden]` by layer: they sit before the rows that are under way.
    package let entries: [Int: Matrix]
    /// See and may change these rows; they are asked about layers and positions where there are rows.
    package let hooks: (any ForwardHooks)?

    /// Rows that follow the cache's prefix and go through all layers.
    ///
    /// - Parameter embeddings: `[rows, hidden]`; row `r` sits at position `cache.count + r`.
    package init(_ embeddings: Matrix, after cache: KVCache, hooks: (any ForwardHooks)? = nil) {
        self.cache = cache
        self.hooks = hooks
        end = cache.count + embeddings.rows
        entries = [0: embeddings]
    }

    /// Rows that join at their layers.
    ///
    /// - Parameters:
    ///   - entries: states on entering a layer, by layer. With those of lower layers they end at `end`.
    ///   - cache: at each layer as long as the position where that layer's rows begin.
    package init(joining entries: [Int: Matrix], end: Int, after cache: KVCache, hooks: (any ForwardHooks)? = nil) {
        self.cache = cache
        self.hooks = hooks
        self.end = end
        self.entries = entries
    }

    /// Whether there are as many rows at every layer as its cache lacks.
    func fits(_ configuration: DecoderConfiguration) -> Bool {
        var rows = 0
        for layer in 0..<configuration.layers {
            if let entering = entries[layer] {
                guard entering.columns == configuration.hidden else { return false }
                rows += entering.rows
            }
            guard cache.length(layer: layer) + rows == end else { return false }
        }
        return cache.fits(configuration) && entries.keys.allSatisfy { (0..<configuration.layers).contains($0) }
    }
}
