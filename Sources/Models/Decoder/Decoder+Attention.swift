import Numerics

extension Decoder {
    /// Adds the keys, rotated, and values of the rows in `buffers.input` to the sequences' caches.
    func extendCaches(
        _ stack: RowStack, layer: Int, _ sequences: inout [SequenceRows], _ buffers: inout PassBuffers
    ) {
        let weights = weights.layers[layer]
        stack.products.multiply(buffers.input, by: weights.key, into: &buffers.keys, &buffers.tiles)
        stack.products.multiply(buffers.input, by: weights.value, into: &buffers.values, &buffers.tiles)
        normalizeHeads(&buffers.keys, weights.keyNorm)
        let columns = buffers.keys.columns
        for (index, extent) in stack.extents.enumerated() where !extent.isEmpty {
            rotary.rotate(&buffers.keys, rows: extent, from: sequences[index].end - extent.count)
            let elements = extent.lowerBound * columns..<extent.upperBound * columns
            sequences[index].cache.append(
                keys: buffers.keys.elements[elements], values: buffers.values.elements[elements], layer: layer)
        }
    }

    /// The attention of one layer up to the output projection: grouped queries, rotary positions, causal.
    ///
    /// Reads `buffers.input`, of each sequence its last rows, or all; their keys and values are in its cache. Leaves the heads' mixed
    /// values, `[rows, heads * headSize]`, in `buffers.mixed`.
    ///
    /// - Parameter extents: which rows are whose.
    func attend(
        _ extents: [Range<Int>], _ products: LinearProducts, layer: Int, _ sequences: [SequenceRows],
        _ buffers: inout PassBuffers
    ) {
        let weights = weights.layers[layer]
        products.multiply(buffers.input, by: weights.query, into: &buffers.queries, &buffers.tiles)
        normalizeHeads(&buffers.queries, weights.queryNorm)
        buffers.mixed.reshape(rows: buffers.input.rows, columns: configuration.queryWidth)
        var widened = WidenedSegments()
        for (index, extent) in extents.enumerated() where !extent.isEmpty {
            let positions = sequences[index].end - extent.count..<sequences[index].end
            rotary.rotate(&buffers.queries, rows: extent, from: positions.lowerBound)
            let observer = sequences[index].hooks.flatMap { $0.wantsAttention(layer: layer) ? $0 : nil }
            switch (observer?.view(layer: layer, positions: positions) ?? .none, configuration.numberFormat) {
            case (.none, .bfloat16):
                add(extent, at: positions, of: sequences[index].cache, layer: layer, to: &buffers.sequences)
            case (.cuts(let cuts), .bfloat16) where extent.count <= AttentionProduct.fewRows:
                add(extent, at: positions, of: sequences[index].cache, layer: layer, to: &buffers.sequences)
                for cut in cuts { buffers.sequences.append(cut) }
            case (let view, _):
                // In float32, the format of parity, this is the only way: there watching a run must not change a bit of it.
                mixByHead(
                    extent, at: positions, of: sequences[index].cache, layer: layer,
                    observer: view == .none ? nil : observer, &widened, &buffers)
            }
        }
        heads.mix(queries: buffers.queries, &buffers.sequences, into: &buffers.mixed)
        // They hold caches, which would be copied when they grow.
        buffers.sequences.removeAll()
    }

    /// Adds rows that nobody watches to a batch; in the last layer the last row as a sequence of its own, which then has the bits
    /// that it has when it is the only one.
    private func add(
        _ rows: Range<Int>, at positions: Range<Int>, of cache: KVCache, layer: Int,
        to batch: inout AttentionProduct.Batch
    ) {
        var rows = rows
        if layer == configuration.layers - 1, rows.count > AttentionProduct.fewRows {
            batch.append(rows: rows.dropLast(), firstVisible: positions.lowerBound + 1)
            cache.addSegments(layer: layer, upTo: positions.upperBound - 1, to: &batch)
            rows = rows.suffix(1)
        }
        batch.append(rows: rows, firstVisible: positions.upperBound - rows.count + 1)
        cache.addSegments(layer: layer, to: &batch)
    }

    /// A sequence's heads, as many at a time as there are threads: scores, softmax, mixed values.
    private func mixByHead(
        _ rows: Range<Int>, at positions: Range<Int>, of cache: KVCache, layer: Int, observer: (any ForwardHooks)?,
        _ widened: inout WidenedSegments, _ buffers: inout PassBuffers
    ) {
        var sequence = AttentionProduct.Sequence(
            rows: rows, firstVisible: positions.lowerBound + 1, segments: cache.segments(layer: layer))
        let isRounded = heads.roundsQueriesAndWeights(of: sequence)
        if isRounded { buffers.queries.roundToBFloat16(rows: rows) }
        if rows.count > AttentionProduct.fewRows { sequence = widened.floats(of: sequence) }
        let together = min(NumericKernels.threads, configuration.heads)
        // Scores become weights in place.
        var attention = Array(
            repeating: Matrix(rows: rows.count, columns: positions.upperBound), count: together)
        for first in stride(from: 0, to: configuration.heads, by: together) {
            let group = first..<min(first + together, configuration.heads)
            heads.scores(
                heads: group, queries: buffers.queries, sequence, masked: observer != nil, into: &attention)
            for head in group {
                observer?.scores(layer: layer, head: head, positions: positions, &attention[head - first])
            }
            heads.softmax(heads: group, sequence, &attention)
            for head in group {
                observer?.weights(layer: layer, head: head, positions: positions, &attention[head - first])
            }
            heads.mix(heads: group, weights: &attention, rounded: isRounded, sequence, into: &buffers.mixed)
        }
    }

    /// Chameleon's query and key norm (epsilon 1e-5 in the reference, whatever the configuration says).
    private func normalizeHeads(_ states: inout Matrix, _ norm: DecoderWeights.HeadNorm?) {
        guard let norm else { return }
        states.layerNormalizeHeads(
            size: configuration.headSize, weight: norm.weight, bias: norm.bias, epsilon: 1e-5)
    }
}

/// Keys and values in float32 for kernels that take no others. What sequences that follow each other begin with is widened
/// once.
private struct WidenedSegments {
    private var first: (stored: AttentionProduct.Segment, widened: AttentionProduct.Segment)?

    /// The same sequence in float32.
    mutating func floats(of sequence: AttentionProduct.Sequence) -> AttentionProduct.Sequence {
        guard let segment = sequence.segments.first, segment.keys.isBFloat16 else { return sequence }
        if first.map({ $0.stored.keys.isSameStorage(as: segment.keys) }) != true { first = (segment, segment.widened) }
        guard let widened = first?.widened else { return sequence }
        let shared = AttentionProduct.Segment(
            keys: widened.keys, values: widened.values, first: segment.first, count: segment.count)
        return AttentionProduct.Sequence(
            rows: sequence.rows, firstVisible: sequence.firstVisible,
            segments: [shared] + sequence.segments.dropFirst().map(\.widened))
    }
}
