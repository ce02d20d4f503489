import Numerics

extension Decoder {
    /// Advances the residual stream, `[rows, hidden]`, through one layer.
    func advance(
        _ states: inout Matrix, layer: Int, positions: Range<Int>, cache: inout KVCache, hooks: (any ForwardHooks)?
    ) throws {
        let weights = weights.layers[layer]
        func visit(_ site: Site, _ state: inout Matrix) throws {
            guard let hooks, hooks.wants(site, layer: layer) else { return }
            try hooks.visit(site, layer: layer, positions: positions, state: &state)
            precondition(
                state.rows == positions.count && state.columns == configuration.width(at: site),
                "a hook must keep the shape of \(site.rawValue)")
        }

        try visit(.residIn, &states)
        var input = branchInput(states, norm: weights.attentionNorm)
        try visit(.attnIn, &input)
        var mixed = attend(input, layer: layer, positions: positions, cache: &cache, hooks: hooks)
        try visit(.headOut, &mixed)
        var attention = mixed.multiplied(byTransposed: weights.output)
        try visit(.attnOut, &attention)
        states += branchOutput(attention, norm: weights.attentionNorm)

        var feedForward = feedForward(branchInput(states, norm: weights.feedForwardNorm), weights)
        try visit(.mlpOut, &feedForward)
        states += branchOutput(feedForward, norm: weights.feedForwardNorm)
        try visit(.residOut, &states)
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
    private func feedForward(_ input: Matrix, _ weights: DecoderWeights.Layer) -> Matrix {
        var gate = input.multiplied(byTransposed: weights.gate)
        gate.gateWithSiLU(input.multiplied(byTransposed: weights.up))
        return gate.multiplied(byTransposed: weights.down)
    }

    /// The attention of one layer up to the output projection: grouped queries, rotary positions, causal.
    ///
    /// - Parameters:
    ///   - input: `[rows, hidden]`.
    ///   - cache: keys and values so far; this layer's are extended by the rows.
    /// - Returns: the heads' mixed values, `[rows, heads * headSize]`.
    private func attend(
        _ input: Matrix, layer: Int, positions: Range<Int>, cache: inout KVCache, hooks: (any ForwardHooks)?
    ) -> Matrix {
        let weights = weights.layers[layer]
        var queries = input.multiplied(byTransposed: weights.query)
        var keys = input.multiplied(byTransposed: weights.key)
        normalizeHeads(&queries, weights.queryNorm)
        normalizeHeads(&keys, weights.keyNorm)
        rotary.rotate(&queries, from: positions.lowerBound)
        rotary.rotate(&keys, from: positions.lowerBound)
        cache.append(keys: keys, values: input.multiplied(byTransposed: weights.value), layer: layer)

        let observer = hooks.flatMap { $0.wantsAttention(layer: layer) ? $0 : nil }
        let visible = positions.lowerBound + 1
        var output = Matrix(rows: input.rows, columns: configuration.queryWidth)
        // One buffer for all heads: scores become weights in place.
        var attention = Matrix(rows: input.rows, columns: positions.upperBound)
        for head in 0..<configuration.heads {
            heads.scores(head: head, queries: queries, keys: cache.keys[layer], into: &attention)
            if let observer {
                attention.hideLaterKeys(firstVisible: visible)
                observer.scores(layer: layer, head: head, positions: positions, &attention)
            }
            attention.softmaxRows(firstVisible: visible)
            observer?.weights(layer: layer, head: head, positions: positions, &attention)
            heads.mix(head: head, weights: attention, values: cache.values[layer], into: &output)
        }
        return output
    }

    /// Chameleon's query and key norm (epsilon 1e-5 in the reference, whatever the configuration says).
    private func normalizeHeads(_ states: inout Matrix, _ norm: DecoderWeights.HeadNorm?) {
        guard let norm else { return }
        states.layerNormalizeHeads(
            size: configuration.headSize, weight: norm.weight, bias: norm.bias, epsilon: 1e-5)
    }
}
