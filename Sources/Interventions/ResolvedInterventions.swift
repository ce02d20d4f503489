package import Models

/// A knockout on one prompt: every position, layer and head known.
package struct ResolvedKnockout: Sendable, Equatable {
    package let queries: PositionSet
    package let keys: PositionSet
    package let layers: [Int]
    package let heads: [Int]
    package let mode: KnockoutMode
    /// Whether `heads` are all query heads of the model.
    package let coversAllHeads: Bool
    /// Causal (layer, head, query, key) edges that it cuts among the prompt's positions.
    package let promptEdges: Int
}

/// A patch on one prompt, waiting for its source's states.
package struct ResolvedPatch: Sendable, Equatable {
    package let site: Site
    package let layers: [Int]
    /// In the base run, ascending.
    package let positions: [Int]
    /// In the source run, as many.
    package let sourcePositions: [Int]
}

/// The interventions of one variant on one prompt.
package struct ResolvedInterventions: Sendable, Equatable {
    package var knockouts: [ResolvedKnockout]
    package var patches: [ResolvedPatch]

    package static let none = ResolvedInterventions(knockouts: [], patches: [])

    package var isEmpty: Bool { knockouts.isEmpty && patches.isEmpty }
}

/// Turns an interventions object into positions, layers and heads of one model and prompt.
package struct InterventionResolver: Sendable {
    package let configuration: DecoderConfiguration
    package let positions: PositionResolver
    /// How many tokens the run will generate; decides whether `generated` can mean anything.
    package let generates: Bool

    package init(configuration: DecoderConfiguration, positions: PositionResolver, generates: Bool) {
        self.configuration = configuration
        self.positions = positions
        self.generates = generates
    }

    private var model: String { positions.model }

    /// One source run that patches take states from.
    package struct Source: Sendable {
        /// Finds positions in the source run; roles are resolved in each run by itself.
        package let positions: PositionResolver

        package init(positions: PositionResolver) { self.positions = positions }
    }

    /// Everything `set` does, resolved.
    ///
    /// - Parameters:
    ///   - variantLayer: the layer of this variant, where a selection is `each`, `from_each` or `each_of`.
    ///   - sources: for each patch of the set, in order, the run it takes its states from.
    ///   - path: where the set stands in the request.
    /// - throws: ``InterventionError`` for what cannot be done here, and for what would do nothing unless
    ///   the set allows that.
    package func resolve(
        _ set: InterventionSet, variantLayer: Int? = nil, sources: [Source] = [], path: String
    ) throws(InterventionError) -> ResolvedInterventions {
        var resolved = ResolvedInterventions.none
        for (at, knockout) in set.knockouts.enumerated() {
            let path = join(path, "knockouts[\(at)]")
            let cut = try resolve(knockout, variantLayer: variantLayer, path: path)
            let reachesGenerated =
                cut.queries.generated && generates && cut.layers.count * cut.heads.count > 0
                && !(cut.keys.prompt.isEmpty && !cut.keys.generated)
            guard cut.promptEdges > 0 || reachesGenerated || set.allowNoop else {
                throw InterventionError(
                    .nothingToDo, at: path,
                    "cuts no causal edge: no query at \(cut.queries.text) can see a key at \(cut.keys.text); a query sees only positions up to its own (allow_noop permits this)"
                )
            }
            resolved.knockouts.append(cut)
        }
        var taken: Set<PatchedState> = []
        for (at, patch) in set.patches.enumerated() {
            let path = join(path, "patches[\(at)]")
            guard at < sources.count else {
                throw InterventionError(.missingSource, at: join(path, "source"), "names no source run")
            }
            let moved = try resolve(patch, from: sources[at], variantLayer: variantLayer, path: path)
            guard !(moved.positions.isEmpty || moved.layers.isEmpty) || set.allowNoop else {
                throw InterventionError(.nothingToDo, at: path, "resolves to no position (allow_noop permits this)")
            }
            for layer in moved.layers {
                for position in moved.positions {
                    let state = PatchedState(site: patch.site, layer: layer, position: position)
                    guard taken.insert(state).inserted else {
                        throw InterventionError(
                            .overlappingPatches, at: path,
                            "\(patch.site.rawValue) of layer \(layer) at position \(position) is patched twice in one variant"
                        )
                    }
                }
            }
            resolved.patches.append(moved)
        }
        return resolved
    }

    private struct PatchedState: Hashable {
        let site: Site
        let layer: Int
        let position: Int
    }

    private func join(_ path: String, _ member: String) -> String { path.isEmpty ? member : "\(path).\(member)" }

    private func resolve(_ knockout: Knockout, variantLayer: Int?, path: String) throws(InterventionError)
        -> ResolvedKnockout
    {
        if knockout.mode == .value, knockout.queries != .role("all") {
            throw InterventionError(
                .unsupported, at: "\(path).queries",
                "mode \"value\" zeroes a key's value vector for every query, so it takes queries \"all\"")
        }
        let queries = try positions.resolve(knockout.queries, as: .queries, path: "\(path).queries")
        let keys = try positions.resolve(knockout.keys, as: .keys, path: "\(path).keys")
        let layers = try knockout.layers.resolve(
            count: configuration.layers, variantLayer: variantLayer, path: "\(path).layers", model: model)
        let heads = try knockout.heads.resolve(count: configuration.heads, path: "\(path).heads", model: model)
        if knockout.mode == .value { try checkWholeGroups(heads, path: "\(path).heads") }
        var pairs = 0
        for query in queries.prompt {
            // Keys are ascending: those a causal query sees are a prefix of them.
            pairs += keys.prompt.firstIndex { $0 > query } ?? keys.prompt.count
        }
        return ResolvedKnockout(
            queries: queries, keys: keys, layers: layers, heads: heads, mode: knockout.mode,
            coversAllHeads: heads.count == configuration.heads, promptEdges: pairs * layers.count * heads.count)
    }

    /// A value vector belongs to a key/value head, which a group of query heads shares.
    private func checkWholeGroups(_ heads: [Int], path: String) throws(InterventionError) {
        let size = configuration.heads / configuration.kvHeads
        let groups = Dictionary(grouping: heads) { $0 / size }
        for (group, members) in groups where members.count != size {
            throw InterventionError(
                .headOutOfRange, at: path,
                "mode \"value\" needs whole key/value groups: query heads \(group * size)..<\((group + 1) * size) share one"
            )
        }
    }

    private func resolve(
        _ patch: Patch, from source: Source, variantLayer: Int?, path: String
    ) throws(InterventionError) -> ResolvedPatch {
        let base = try positions.resolve(patch.positions, as: .patch, path: "\(path).positions")
        let expression = patch.sourcePositions ?? patch.positions
        let sourcePath = patch.sourcePositions == nil ? "\(path).positions" : "\(path).source_positions"
        let there = try source.positions.resolve(expression, as: .patch, path: sourcePath)
        guard base.prompt.count == there.prompt.count else {
            throw InterventionError(
                .positionCountMismatch, at: sourcePath,
                "\(base.prompt.count) position(s) in the base run (\(base.text)) but \(there.prompt.count) in the source run (\(there.text)); give source_positions that pair with them"
            )
        }
        let layers = try patch.layers.resolve(
            count: configuration.layers, variantLayer: variantLayer, path: "\(path).layers", model: model)
        return ResolvedPatch(
            site: patch.site, layers: layers, positions: base.prompt, sourcePositions: there.prompt)
    }
}
