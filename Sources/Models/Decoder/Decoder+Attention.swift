import Numerics

extension Decoder {
    /// Adds the rows' keys, rotated, and values to the sequences' caches.
    ///
    /// - Parameter input: `[rows, hidden]`, all sequences' rows.
    func extendCaches(with input: Matrix, _ stack: RowStack, layer: Int, _ sequences: inout [SequenceRows]) {
        let weights = weights.layers[layer]
        var keys = input.multiplied(byTransposed: weights.key, rows: stack.products)
        let values = input.multiplied(byTransposed: weights.value, rows: stack.products)
        normalizeHeads(&keys, weights.keyNorm)
        for (index, extent) in stack.extents.enumerated() where !extent.isEmpty {
            rotary.rotate(&keys, rows: extent, from: sequences[index].end - extent.count)
            sequences[index].cache.append(
                keys: keys.elements[extent.lowerBound * keys.columns..<extent.upperBound * keys.columns],
                values: values.elements[extent.lowerBound * values.columns..<extent.upperBound * values.columns],
                layer: layer)
        }
    }

    /// The attention of one layer up to the output projection: grouped queries, rotary positions, causal.
    ///
    /// - Parameters:
    ///   - input: `[rows, hidden]`, of each sequence its last rows, or all; their keys and values are in its cache.
    ///   - extents: which rows are whose.
    /// - Returns: the heads' mixed values, `[rows, heads * headSize]`.
    func attend(
        _ input: Matrix, _ extents: [Range<Int>], _ products: LinearProducts, layer: Int, _ sequences: [SequenceRows]
    ) -> Matrix {
        let weights = weights.layers[layer]
        var queries = products.multiply(input, by: weights.query)
        normalizeHeads(&queries, weights.queryNorm)
        var output = Matrix(rows: input.rows, columns: configuration.queryWidth)
        var unobserved: [AttentionProduct.Sequence] = []
        var widened = WidenedSegments()
        for (index, extent) in extents.enumerated() where !extent.isEmpty {
            let positions = sequences[index].end - extent.count..<sequences[index].end
            rotary.rotate(&queries, rows: extent, from: positions.lowerBound)
            let cache = sequences[index].cache
            let sequence = AttentionProduct.Sequence(
                rows: extent, firstVisible: positions.lowerBound + 1, keys: cache.keySegments(layer: layer),
                values: cache.valueSegments(layer: layer))
            let observer = sequences[index].hooks.flatMap { $0.wantsAttention(layer: layer) ? $0 : nil }
            switch (observer, configuration.numberFormat) {
            case (nil, .bfloat16):
                unobserved += layer == configuration.layers - 1 ? sequence.withLastRowAlone : [sequence]
            case (let observer?, .bfloat16) where extent.count <= AttentionProduct.fewRows:
                observe(queries, sequence, at: positions, layer: layer, observer, into: &output)
            case (let observer, _):
                // In float32, the format of parity, this is the only way: there watching a run must not change a bit of it.
                let isRounded = heads.roundsQueriesAndWeights(of: sequence)
                if isRounded { queries.roundToBFloat16(rows: extent) }
                let floats = widened.floats(of: sequence)
                mix(
                    queries, floats, at: positions, layer: layer, observer: observer, rounded: isRounded, into: &output)
            }
        }
        heads.mix(queries: queries, unobserved, into: &output)
        return output
    }

    /// A sequence's heads one at a time: scores, softmax, mixed values.
    ///
    /// - Parameter isRounded: whether values are mixed by weights rounded to bfloat16, as they are where nobody looks.
    private func mix(
        _ queries: Matrix, _ sequence: AttentionProduct.Sequence, at positions: Range<Int>, layer: Int,
        observer: (any ForwardHooks)?, rounded isRounded: Bool, into output: inout Matrix
    ) {
        let rows = sequence.rows
        // One buffer for all heads: scores become weights in place.
        var attention = Matrix(rows: rows.count, columns: positions.upperBound)
        for head in 0..<configuration.heads {
            for segment in sequence.keys {
                heads.scores(head: head, queries: queries, rows: rows, keys: segment, into: &attention)
            }
            if let observer {
                attention.hideLaterKeys(firstVisible: sequence.firstVisible)
                observer.scores(layer: layer, head: head, positions: positions, &attention)
            }
            attention.softmaxRows(firstVisible: sequence.firstVisible)
            observer?.weights(layer: layer, head: head, positions: positions, &attention)
            if isRounded { attention.roundToBFloat16(rows: 0..<rows.count) }
            for segment in sequence.values {
                heads.mix(head: head, weights: attention, values: segment, into: &output, rows: rows)
            }
        }
    }

    /// As ``mix(_:_:at:layer:observer:rounded:into:)`` for few rows, with the bits that they have when nobody looks.
    private func observe(
        _ queries: Matrix, _ sequence: AttentionProduct.Sequence, at positions: Range<Int>, layer: Int,
        _ observer: any ForwardHooks, into output: inout Matrix
    ) {
        var attention = Matrix(rows: sequence.rows.count, columns: positions.upperBound)
        for head in 0..<configuration.heads {
            heads.scores(head: head, queries: queries, sequence, into: &attention)
            attention.hideLaterKeys(firstVisible: sequence.firstVisible)
            observer.scores(layer: layer, head: head, positions: positions, &attention)
            attention.softmaxRows(firstVisible: sequence.firstVisible)
            observer.weights(layer: layer, head: head, positions: positions, &attention)
            heads.mix(head: head, weights: attention, sequence, into: &output)
        }
    }

    /// Chameleon's query and key norm (epsilon 1e-5 in the reference, whatever the configuration says).
    private func normalizeHeads(_ states: inout Matrix, _ norm: DecoderWeights.HeadNorm?) {
        guard let norm else { return }
        states.layerNormalizeHeads(
            size: configuration.headSize, weight: norm.weight, bias: norm.bias, epsilon: 1e-5)
    }
}

extension AttentionProduct.Sequence {
    /// The sequence in two: all rows but the last, and the last, which then has the bits that it has when it is the only one.
    fileprivate var withLastRowAlone: [Self] {
        guard rows.count > AttentionProduct.fewRows, let (keys, values) = withoutLastPosition else { return [self] }
        return [
            Self(rows: rows.dropLast(), firstVisible: firstVisible, keys: keys, values: values),
            Self(
                rows: rows.suffix(1), firstVisible: firstVisible + rows.count - 1, keys: self.keys, values: self.values),
        ]
    }

    /// Keys and values without those of the last position.
    private var withoutLastPosition: (keys: [AttentionProduct.Segment], values: [AttentionProduct.Segment])? {
        func shortened(_ segments: [AttentionProduct.Segment]) -> [AttentionProduct.Segment]? {
            guard let last = segments.last else { return nil }
            let rest = AttentionProduct.Segment(rows: last.rows, count: last.count - 1, column: last.column)
            return segments.dropLast() + (rest.count > 0 ? [rest] : [])
        }
        guard let keys = shortened(keys), let values = shortened(values) else { return nil }
        return (keys, values)
    }
}

/// Keys and values in float32 for kernels that take no others. What sequences that follow each other begin with is widened
/// once.
private struct WidenedSegments {
    private var first:
        (keys: KeyValueRows, values: KeyValueRows, widenedKeys: KeyValueRows, widenedValues: KeyValueRows)?

    /// The same sequence in float32.
    mutating func floats(of sequence: AttentionProduct.Sequence) -> AttentionProduct.Sequence {
        guard let keys = sequence.keys.first, let values = sequence.values.first, keys.rows.isBFloat16 else {
            return sequence
        }
        if first.map({ $0.keys.isSameStorage(as: keys.rows) && $0.values.isSameStorage(as: values.rows) }) != true {
            first = (keys.rows, values.rows, keys.rows.widened, values.rows.widened)
        }
        guard let first else { return sequence }
        return AttentionProduct.Sequence(
            rows: sequence.rows, firstVisible: sequence.firstVisible,
            keys: [.init(rows: first.widenedKeys, count: keys.count)] + sequence.keys.dropFirst().map(\.widened),
            values: [.init(rows: first.widenedValues, count: values.count)] + sequence.values.dropFirst().map(\.widened)
        )
    }
}
