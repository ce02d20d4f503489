import Models

/// Turns an interventions object into positions, layers and heads of one model and prompt.
struct InterventionResolver {
    let configuration: DecoderConfiguration
    let positions: PositionResolver
    /// Whether the run generates tokens; decides whether `generated` can mean anything.
    let generates: Bool
    /// The layer of this variant, where a selection is `each`, `from_each` or `each_of`.
    let variantLayer: Int?

    var model: String { positions.model }

    /// What a patch takes its states from.
    enum Source {
        /// A run; roles are resolved in each run by itself.
        case run(PositionResolver)
        /// A stored state, and what the request calls it.
        case state(StateDescription, name: String)
    }

    /// Everything `set` does, resolved.
    ///
    /// - Parameters:
    ///   - sources: for each patch of the set, in order, what it takes its states from.
    ///   - directions: for each steer of the set, in order, what its direction is like.
    ///   - path: where the set stands in the request.
    /// - throws: ``InterventionError`` for what cannot be done here, and for what would do nothing unless
    ///   the set allows that.
    func resolve(
        _ set: InterventionSet, sources: [Source], directions: [StateDescription], path: String
    ) throws(InterventionError) -> ResolvedInterventions {
        var resolved = ResolvedInterventions.none
        for (at, knockout) in set.knockouts.enumerated() {
            resolved.knockouts.append(
                try resolve(knockout, allowNoop: set.allowNoop, path: path.member("knockouts[\(at)]")))
        }
        var taken = Set<PatchedState>()
        for (at, patch) in set.patches.enumerated() {
            let path = path.member("patches[\(at)]")
            let moved = try resolve(patch, from: sources[at], path: path)
            guard !(moved.positions.isEmpty || moved.layers.isEmpty) || set.allowNoop else { throw noPosition(path) }
            try refuseOverlap(of: moved, with: &taken, path: path)
            resolved.patches.append(moved)
        }
        for (at, steer) in set.steers.enumerated() {
            let path = path.member("steers[\(at)]")
            let steered = try resolve(steer, by: directions[at], path: path)
            let acts = !steered.positions.prompt.isEmpty || (steered.positions.generated && generates)
            guard (acts && !steered.layers.isEmpty) || set.allowNoop else { throw noPosition(path) }
            resolved.steers.append(steered)
        }
        return resolved
    }

    func layers(_ selection: LayerSelection, path: String) throws(InterventionError) -> [Int] {
        try selection.resolve(
            count: configuration.layers, variantLayer: variantLayer, path: path.member("layers"), model: model)
    }

    private func noPosition(_ path: String) -> InterventionError {
        InterventionError(.nothingToDo, at: path, "resolves to no position (allow_noop permits this)")
    }

    private struct PatchedState: Hashable {
        let key: SiteKey
        let position: Int
    }

    private func refuseOverlap(of patch: ResolvedPatch, with taken: inout Set<PatchedState>, path: String)
        throws(InterventionError)
    {
        for layer in patch.layers {
            let key = SiteKey(site: patch.site, layer: layer)
            for position in patch.positions where !taken.insert(PatchedState(key: key, position: position)).inserted {
                throw InterventionError(
                    .overlappingPatches, at: path,
                    "\(patch.site.rawValue) of layer \(layer) at position \(position) is patched twice in one variant")
            }
        }
    }
}

extension String {
    /// The path of a member of what stands at this path.
    func member(_ name: String) -> String { isEmpty ? name : "\(self).\(name)" }
}
