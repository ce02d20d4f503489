import Numerics

extension Decoder {
    /// Advances the residual streams of all sequences through one layer.
    ///
    /// - Parameter results: which rows are read after the last layer; there the others are dropped where nobody sees them.
    func advance(
        _ stack: inout RowStack, layer: Int, _ sequences: inout [SequenceRows], reading results: ResultRows
    ) throws {
        let weights = weights.layers[layer]
        try visit(.residIn, layer, &stack.states, stack.extents, sequences)
        var input = branchInput(stack.states, norm: weights.attentionNorm)
        try visit(.attnIn, layer, &input, stack.extents, sequences)
        extendCaches(with: input, stack, layer: layer, &sequences)
        if results == .last, dropsRows(after: layer) {
            stack.keepLastRows(of: sequences.map { !isSeen(afterKeysOf: layer, by: $0.hooks) }, and: &input)
        }
        let products = LinearProducts(stack.products, lastRowAlone: dropsRows(after: layer))
        var mixed = attend(input, stack.extents, products, layer: layer, sequences)
        try visit(.headOut, layer, &mixed, stack.extents, sequences)
        var attention = products.multiply(mixed, by: weights.output)
        try visit(.attnOut, layer, &attention, stack.extents, sequences)
        stack.states += branchOutput(attention, norm: weights.attentionNorm)

        var feedForward = feedForward(branchInput(stack.states, norm: weights.feedForwardNorm), weights, products)
        try visit(.mlpOut, layer, &feedForward, stack.extents, sequences)
        stack.states += branchOutput(feedForward, norm: weights.feedForwardNorm)
        try visit(.residOut, layer, &stack.states, stack.extents, sequences)
    }

    /// Shows the sequences' rows of a state to their hooks.
    private func visit(
        _ site: Site, _ layer: Int, _ state: inout Matrix, _ extents: [Range<Int>], _ sequences: [SequenceRows]
    ) throws {
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

    private func checkShape(of state: Matrix, at site: Site, rows: Int) {
        precondition(
            state.rows == rows && state.columns == configuration.width(at: site),
            "a hook must keep the shape of \(site.rawValue)")
    }

    /// Whether rows that nobody reads are dropped in this layer: in the last one, and not in float32, the format of parity, where
    /// a row's low bits depend on how many are multiplied with it and watching a run must not change a bit of it.
    private func dropsRows(after layer: Int) -> Bool {
        layer == configuration.layers - 1 && configuration.numberFormat == .bfloat16
    }

    /// Whether hooks want to see, or change, something of a layer's rows beyond its keys and values.
    private func isSeen(afterKeysOf layer: Int, by hooks: (any ForwardHooks)?) -> Bool {
        guard let hooks else { return false }
        return hooks.wantsAttention(layer: layer)
            || [.headOut, .attnOut, .mlpOut, .residOut].contains { hooks.wants($0, layer: layer) }
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
    private func feedForward(_ input: Matrix, _ weights: DecoderWeights.Layer, _ products: LinearProducts) -> Matrix {
        var gate = products.multiply(input, by: weights.gate)
        gate.gateWithSiLU(products.multiply(input, by: weights.up))
        return products.multiply(gate, by: weights.down)
    }
}
