import Models

extension InterventionResolver {
    func resolve(_ knockout: Knockout, allowNoop: Bool, path: String) throws(InterventionError) -> ResolvedKnockout {
        if knockout.mode == .value, knockout.queries != .role("all") {
            throw InterventionError(
                .unsupported, at: path.member("queries"),
                "mode \"value\" zeroes a key's value vector for every query, so it takes queries \"all\"")
        }
        let queries = try positions.resolve(knockout.queries, as: .queries, path: path.member("queries"))
        let keys = try positions.resolve(knockout.keys, as: .keys, path: path.member("keys"))
        let layers = try layers(knockout.layers, path: path)
        let heads = try knockout.heads.resolve(count: configuration.heads, path: path.member("heads"), model: model)
        if knockout.mode == .value { try checkWholeGroups(heads, path: path.member("heads")) }
        var pairs = 0
        for query in queries.prompt {
            // Keys are ascending: those a causal query sees are a prefix of them.
            pairs += keys.prompt.firstIndex { $0 > query } ?? keys.prompt.count
        }
        let reachesGenerated =
            queries.generated && generates && layers.count * heads.count > 0
            && !(keys.prompt.isEmpty && !keys.generated)
        let edges = pairs * layers.count * heads.count
        guard edges > 0 || reachesGenerated || allowNoop else {
            throw InterventionError(
                .nothingToDo, at: path,
                "cuts no causal edge: no query at \(queries.text) can see a key at \(keys.text); a query sees only positions up to its own (allow_noop permits this)"
            )
        }
        return ResolvedKnockout(
            queries: queries, keys: keys, layers: layers, heads: heads, mode: knockout.mode,
            coversAllHeads: heads.count == configuration.heads, promptEdges: edges)
    }

    /// A value vector belongs to a key/value head, which a group of query heads shares.
    private func checkWholeGroups(_ heads: [Int], path: String) throws(InterventionError) {
        let size = configuration.heads / configuration.kvHeads
        let groups = Dictionary(grouping: heads) { $0 / size }
        for (group, members) in groups.sorted(by: { $0.key < $1.key }) where members.count != size {
            throw InterventionError(
                .headOutOfRange, at: path,
                "mode \"value\" needs whole key/value groups: query heads \(group * size)..<\((group + 1) * size) share one"
            )
        }
    }

    func resolve(_ patch: Patch, from source: Source, path: String) throws(InterventionError) -> ResolvedPatch {
        let base = try positions.resolve(patch.positions, as: .patch, path: path.member("positions"))
        let layers = try layers(patch.layers, path: path)
        let there: [Int]
        switch source {
        case .run(let run):
            let expression = patch.sourcePositions ?? patch.positions
            let sourcePath = path.member(patch.sourcePositions == nil ? "positions" : "source_positions")
            let found = try run.resolve(expression, as: .patch, path: sourcePath)
            guard base.prompt.count == found.prompt.count else {
                throw InterventionError(
                    .positionCountMismatch, at: sourcePath,
                    "\(base.prompt.count) position(s) in the base run (\(base.text)) but \(found.prompt.count) in the source run (\(found.text)); give source_positions that pair with them"
                )
            }
            there = found.prompt
        case .state(let state, let name):
            try state.check(
                name, at: patch.site, layers: layers, width: configuration.width(at: patch.site),
                path: path.member("source.state"))
            there = try paired(base, with: state, patch.sourcePositions, path: path)
        }
        return ResolvedPatch(site: patch.site, layers: layers, positions: base.prompt, sourcePositions: there)
    }

    /// The positions of a state that pair with the base run's: one is put at all of them, several pair in order.
    private func paired(
        _ base: PositionSet, with state: StateDescription, _ expression: PositionExpression?, path: String
    ) throws(InterventionError) -> [Int] {
        let sourcePath = path.member("source_positions")
        let there =
            try expression.map { given throws(InterventionError) in
                try PositionResolver.indices(given, in: state.positions, path: sourcePath)
            } ?? Array(0..<state.positions)
        if there.count == 1 { return base.prompt.map { _ in there[0] } }
        guard there.count == base.prompt.count else {
            throw InterventionError(
                .positionCountMismatch, at: expression == nil ? path.member("positions") : sourcePath,
                "\(base.prompt.count) position(s) in the base run (\(base.text)) but \(there.count) in the state (\(there.compactText)); give one, or as many"
            )
        }
        return there
    }

    func resolve(_ steer: Steer, by direction: StateDescription, path: String) throws(InterventionError)
        -> ResolvedSteer
    {
        let covered = try positions.resolve(steer.positions, as: .queries, path: path.member("positions"))
        let layers = try layers(steer.layers, path: path)
        try direction.check(
            steer.direction, at: steer.site, layers: layers, width: configuration.width(at: steer.site),
            path: path.member("direction.state"))
        if direction.positions != 1 {
            guard direction.positions == covered.prompt.count else {
                throw InterventionError(
                    .positionCountMismatch, at: path.member("positions"),
                    "the direction has \(direction.positions) positions, and \(covered.prompt.count) of the prompt are steered (\(covered.text)); a direction has one position, or as many"
                )
            }
            guard !(covered.generated && generates) else {
                throw InterventionError(
                    .unsupported, at: path.member("positions"),
                    "the direction has a position for each of the prompt's and none for generated ones; name the prompt's by index or range, as \"\(covered.prompt.compactText)\", or use a direction of one position"
                )
            }
        }
        return ResolvedSteer(
            site: steer.site, layers: layers, positions: covered, direction: steer.direction, scale: steer.scale)
    }
}
