import Numerics

extension Decoder {
    /// Advances the residual streams of all sequences through one layer.
    ///
    /// - Parameter results: which rows are read after the last layer; there the others are dropped where nobody sees them.
    func advance(
        _ stack: inout RowStack, layer: Int, _ sequences: inout [SequenceRows], _ buffers: inout PassBuffers,
        reading results: ResultRows
    ) throws {
        let weights = weights.layers[layer]
        try visit(.residIn, layer, &stack.states, stack.extents, sequences)
        readBranch(stack.states, norm: weights.attentionNorm, into: &buffers.input)
        try visit(.attnIn, layer, &buffers.input, stack.extents, sequences)
        extendCaches(stack, layer: layer, &sequences, &buffers)
        if results == .last, dropsRows(after: layer) {
            stack.keepLastRows(of: sequences.map { !isSeen(afterKeysOf: layer, by: $0.hooks) }, and: &buffers.input)
        }
        let products = dropsRows(after: layer) ? stack.products.withLastRowsAlone(stack.extents) : stack.products
        attend(stack.extents, products, layer: layer, sequences, &buffers)
        try visit(.headOut, layer, &buffers.mixed, stack.extents, sequences)
        products.multiply(buffers.mixed, by: weights.output, into: &buffers.branch, &buffers.tiles)
        try visit(.attnOut, layer, &buffers.branch, stack.extents, sequences)
        addBranch(&buffers.branch, norm: weights.attentionNorm, to: &stack.states)

        readBranch(stack.states, norm: weights.feedForwardNorm, into: &buffers.input)
        // `down(silu(gate(x)) · up(x))`
        products.multiply(buffers.input, by: weights.gate, into: &buffers.gate, &buffers.tiles)
        products.multiply(buffers.input, by: weights.up, into: &buffers.up, &buffers.tiles)
        buffers.gate.gateWithSiLU(buffers.up)
        products.multiply(buffers.gate, by: weights.down, into: &buffers.branch, &buffers.tiles)
        try visit(.mlpOut, layer, &buffers.branch, stack.extents, sequences)
        addBranch(&buffers.branch, norm: weights.feedForwardNorm, to: &stack.states)
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

    /// What a branch reads of the residual stream, `[rows, hidden]`.
    private func readBranch(_ states: Matrix, norm: [Float], into input: inout Matrix) {
        switch configuration.normPlacement {
        case .input: states.normalize(weight: norm, epsilon: configuration.rmsEpsilon, into: &input)
        case .branchOutput:
            input.reshape(rows: states.rows, columns: states.columns)
            input.setRows(0, states)
        }
    }

    /// Adds what a branch gave to the residual stream.
    private func addBranch(_ branch: inout Matrix, norm: [Float], to states: inout Matrix) {
        if configuration.normPlacement == .branchOutput {
            branch.rmsNormalize(weight: norm, epsilon: configuration.rmsEpsilon)
        }
        states += branch
    }
}
