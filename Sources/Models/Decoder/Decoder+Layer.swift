import Numerics

extension Decoder {
    /// Advances the residual streams of all sequences through one layer.
    func advance(_ stack: inout RowStack, layer: Int, _ sequences: inout [SequenceRows]) throws {
        let weights = weights.layers[layer]
        let (extents, products) = (stack.extents, stack.products)
        func visit(_ site: Site, _ state: inout Matrix) throws {
            for (sequence, extent) in zip(sequences, extents) where !extent.isEmpty {
                guard let hooks = sequence.hooks, hooks.wants(site, layer: layer) else { continue }
                let positions = sequence.end - extent.count..<sequence.end
                guard extent.count < state.rows else {
                    try hooks.visit(site, layer: layer, positions: positions, state: &state)
                    checkShape(of: state, at: site, rows: extent.count)
                    continue
                }
                var rows = state.rows(extent)
                try hooks.visit(site, layer: layer, positions: positions, state: &rows)
                checkShape(of: rows, at: site, rows: extent.count)
                state.setRows(extent.lowerBound, rows)
            }
        }

        try visit(.residIn, &stack.states)
        var input = branchInput(stack.states, norm: weights.attentionNorm)
        try visit(.attnIn, &input)
        var mixed = attend(input, extents, products, layer: layer, &sequences)
        try visit(.headOut, &mixed)
        var attention = mixed.multiplied(byTransposed: weights.output, rows: products)
        try visit(.attnOut, &attention)
        stack.states += branchOutput(attention, norm: weights.attentionNorm)

        var feedForward = feedForward(branchInput(stack.states, norm: weights.feedForwardNorm), weights, products)
        try visit(.mlpOut, &feedForward)
        stack.states += branchOutput(feedForward, norm: weights.feedForwardNorm)
        try visit(.residOut, &stack.states)
    }

    private func checkShape(of state: Matrix, at site: Site, rows: Int) {
        precondition(
            state.rows == rows && state.columns == configuration.width(at: site),
            "a hook must keep the shape of \(site.rawValue)")
    }

    private func branchInput(_ states: Matrix, norm: [Float]) -> Matrix {
        guard configuration.normPlacement == .input else { return states }
        return states.rmsNormalized(weight: norm, epsilon: configuration.rmsEpsilon)
    }

    private func branchOutput(_ states: Matrix, norm: [Float]) -> Matrix {
        guard configuration.normPlacement == .branchOutput else { return states }
        return states.rmsNormalized(weight: norm, epsilon: configuration.rmsEpsilon)
    }

    /// `down(silu(gate(x)) · up(x))`, `[rows, hidden]`.
    private func feedForward(_ input: Matrix, _ weights: DecoderWeights.Layer, _ products: ProductRows) -> Matrix {
        var gate = input.multiplied(byTransposed: weights.gate, rows: products)
        gate.gateWithSiLU(input.multiplied(byTransposed: weights.up, rows: products))
        return gate.multiplied(byTransposed: weights.down, rows: products)
    }

    /// The attention of one layer up to the output projection: grouped queries, rotary positions, causal.
    ///
    /// - Parameters:
    ///   - input: `[rows, hidden]`, all sequences' rows.
    ///   - extents: which rows are whose.
    /// - Returns: the heads' mixed values, `[rows, heads * headSize]`. The caches' layer is extended by the rows.
    private func attend(
        _ input: Matrix, _ extents: [Range<Int>], _ products: ProductRows, layer: Int,
        _ sequences: inout [SequenceRows]
    ) -> Matrix {
        let weights = weights.layers[layer]
        var queries = input.multiplied(byTransposed: weights.query, rows: products)
        var keys = input.multiplied(byTransposed: weights.key, rows: products)
        let values = input.multiplied(byTransposed: weights.value, rows: products)
        normalizeHeads(&queries, weights.queryNorm)
        normalizeHeads(&keys, weights.keyNorm)
        var output = Matrix(rows: input.rows, columns: configuration.queryWidth)
        var unobserved: [AttentionProduct.Sequence] = []
        for (index, extent) in extents.enumerated() where !extent.isEmpty {
            let positions = sequences[index].end - extent.count..<sequences[index].end
            rotary.rotate(&queries, rows: extent, from: positions.lowerBound)
            rotary.rotate(&keys, rows: extent, from: positions.lowerBound)
            sequences[index].cache.append(
                keys: keys.elements[extent.lowerBound * keys.columns..<extent.upperBound * keys.columns],
                values: values.elements[extent.lowerBound * values.columns..<extent.upperBound * values.columns],
                layer: layer)
            let cache = sequences[index].cache
            let sequence = AttentionProduct.Sequence(
                rows: extent, firstVisible: positions.lowerBound + 1, keys: cache.keySegments(layer: layer),
                values: cache.valueSegments(layer: layer))
            let observer = sequences[index].hooks.flatMap { $0.wantsAttention(layer: layer) ? $0 : nil }
            if observer != nil || !fusesAttention {
                mix(queries, sequence, at: positions, layer: layer, observer: observer, into: &output)
            } else {
                unobserved.append(sequence)
            }
        }
        heads.mix(queries: queries, unobserved, into: &output)
        return output
    }

    /// Whether attention that nobody observes goes through the kernel that keeps no matrix of weights. Not in float32, the
    /// format of parity: there watching a run must not change a bit of it.
    private var fusesAttention: Bool {
        if case .bfloat16 = weights.layers.first?.query { true } else { false }
    }

    /// A sequence's heads one at a time: scores, softmax, mixed values.
    private func mix(
        _ queries: Matrix, _ sequence: AttentionProduct.Sequence, at positions: Range<Int>, layer: Int,
        observer: (any ForwardHooks)?, into output: inout Matrix
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
            for segment in sequence.values {
                heads.mix(head: head, weights: attention, values: segment, into: &output, rows: rows)
            }
        }
    }

    /// Chameleon's query and key norm (epsilon 1e-5 in the reference, whatever the configuration says).
    private func normalizeHeads(_ states: inout Matrix, _ norm: DecoderWeights.HeadNorm?) {
        guard let norm else { return }
        states.layerNormalizeHeads(
            size: configuration.headSize, weight: norm.weight, bias: norm.bias, epsilon: 1e-5)
    }
}
