package import Models

/// Measurements on one prompt: every layer, head and position known.
package struct ResolvedMeasurements: Sendable, Equatable {
    package struct Capture: Sendable, Equatable {
        package let site: Site
        package let layers: [Int]
        package let positions: [Int]
        package let pool: Measurements.Pooling?
    }

    package struct Attention: Sendable, Equatable {
        package let layers: [Int]
        /// `nil` is the mean over all.
        package let heads: [Int]?
        /// Whether ``heads`` are all of the model's.
        package let coversAllHeads: Bool
        package let queries: [Int]
        package let overQueries: Measurements.Pooling?
        /// What the sums are called, as the request spelled it; `nil` where every key has its own.
        package let names: [PositionExpression]?
        /// The keys of each sum.
        package let keys: [[Int]]
    }

    package struct LogitLens: Sendable, Equatable {
        package let site: Site
        package let layers: [Int]
        package let positions: [Int]
        package let top: Int
    }

    package var captures: [Capture] = []
    package var attention: [Attention] = []
    package var logitLens: [LogitLens] = []

    package static let none = ResolvedMeasurements()

    package var isEmpty: Bool { captures.isEmpty && attention.isEmpty && logitLens.isEmpty }

    /// The most numbers that attention and logit lens may put into one row.
    package static let maximumNumbers = 100_000
    /// The most elements that the captures of one run may have together: 256 MiB.
    package static let maximumCapturedElements = 1 << 26
}

/// Finds the layers, heads and positions of measurements on one model and prompt.
struct MeasurementResolver {
    let configuration: DecoderConfiguration
    let positions: PositionResolver

    /// - throws: ``InterventionError`` naming the field that cannot be done.
    func resolve(_ measurements: Measurements, path: String) throws(InterventionError) -> ResolvedMeasurements {
        var resolved = ResolvedMeasurements.none
        for (at, capture) in measurements.captures.enumerated() {
            let path = path.member("captures[\(at)]")
            resolved.captures.append(
                ResolvedMeasurements.Capture(
                    site: capture.site, layers: try layers(capture.layers, path),
                    positions: try positions(capture.positions, path.member("positions")), pool: capture.pool))
        }
        for (at, attention) in measurements.attention.enumerated() {
            resolved.attention.append(try resolve(attention, path: path.member("attention[\(at)]")))
        }
        for (at, lens) in measurements.logitLens.enumerated() {
            let path = path.member("logit_lens[\(at)]")
            resolved.logitLens.append(
                ResolvedMeasurements.LogitLens(
                    site: lens.site, layers: try layers(lens.layers, path),
                    positions: try positions(lens.positions, path.member("positions")), top: lens.top))
        }
        try checkSize(resolved, path: path)
        return resolved
    }

    private func resolve(_ attention: Measurements.Attention, path: String) throws(InterventionError)
        -> ResolvedMeasurements.Attention
    {
        var heads: [Int]?
        if case .each(let selection) = attention.heads {
            heads = try selection.resolve(
                count: configuration.heads, path: path.member("heads"), model: positions.model)
        }
        var names: [PositionExpression]?
        var keys: [[Int]] = []
        switch attention.keys {
        case .each: keys = (0..<positions.layout.tokens).map { [$0] }
        case .groups(let groups):
            names = groups
            for (at, group) in groups.enumerated() {
                keys.append(try positions(group, path.member("keys[\(at)]")))
            }
        case .roles:
            names = []
            for role in Measurements.Attention.defaultGroups {
                let group = PositionExpression.role(role.rawValue)
                // What the prompt lacks is left out.
                guard let found = try? positions(group, path) else { continue }
                names?.append(group)
                keys.append(found)
            }
        }
        return ResolvedMeasurements.Attention(
            layers: try layers(attention.layers, path), heads: heads,
            coversAllHeads: heads.map { $0.count == configuration.heads } ?? true,
            queries: try positions(attention.queries, path.member("queries")), overQueries: attention.overQueries,
            names: names, keys: keys)
    }

    private func layers(_ selection: LayerSelection, _ path: String) throws(InterventionError) -> [Int] {
        try selection.resolve(
            count: configuration.layers, variantLayer: nil, path: path.member("layers"), model: positions.model)
    }

    private func positions(_ expression: PositionExpression, _ path: String) throws(InterventionError) -> [Int] {
        let found = try positions.resolve(expression, as: .measurement, path: path).prompt
        guard !found.isEmpty else {
            throw InterventionError(.nothingToDo, at: path, "stands for no position of this prompt")
        }
        return found
    }

    private func checkSize(_ resolved: ResolvedMeasurements, path: String) throws(InterventionError) {
        // Every factor is bounded by the model and the prompt, so the products fit.
        let weights = resolved.attention.reduce(0) { total, spec in
            let queries = spec.overQueries == .mean ? 1 : spec.queries.count
            return total + spec.layers.count * (spec.heads?.count ?? 1) * queries * spec.keys.count
        }
        let tokens = resolved.logitLens.reduce(0) { $0 + $1.layers.count * $1.positions.count * $1.top }
        guard weights + tokens <= ResolvedMeasurements.maximumNumbers else {
            throw InterventionError(
                .tooManyValues, at: path,
                "the row would hold \(weights + tokens) numbers of attention and logit lens; at most \(ResolvedMeasurements.maximumNumbers): name fewer layers, heads, queries or keys, or take means"
            )
        }
        let elements = resolved.captures.reduce(0) { total, capture in
            let positions = capture.pool == .mean ? 1 : capture.positions.count
            return total + capture.layers.count * positions * configuration.width(at: capture.site)
        }
        guard elements <= ResolvedMeasurements.maximumCapturedElements else {
            throw InterventionError(
                .tooManyValues, at: path,
                "the captures of one run would have \(elements) elements; at most \(ResolvedMeasurements.maximumCapturedElements): name fewer layers or positions, or pool them"
            )
        }
    }
}
