package import StrictJSON

/// Everything that is done to one run, all at once: the *interventions object* of captions, traces and variants.
package struct InterventionSet: Sendable, Equatable {
    package var knockouts: [Knockout]
    package var patches: [Patch]
    package var steers: [Steer]
    /// Accepts interventions that resolve to no position or to no causal edge.
    package var allowNoop: Bool

    package init(
        knockouts: [Knockout] = [], patches: [Patch] = [], steers: [Steer] = [], allowNoop: Bool = false
    ) {
        self.knockouts = knockouts
        self.patches = patches
        self.steers = steers
        self.allowNoop = allowNoop
    }

    /// Whether the run is clean.
    package var isEmpty: Bool { knockouts.isEmpty && patches.isEmpty && steers.isEmpty }

    package init(_ field: JSONField) throws(JSONError) {
        let members = try field.object()
        try self.init(members: members)
        try members.finish()
    }

    /// Reads the members that an interventions object and a variant share.
    init(members: JSONFields) throws(JSONError) {
        self.init()
        if let list = members.optional("knockouts") {
            for element in try Self.elements(list) { knockouts.append(try Knockout(element)) }
        }
        if let list = members.optional("patches") {
            for element in try Self.elements(list) { patches.append(try Patch(element)) }
        }
        if let list = members.optional("steers") {
            for element in try Self.elements(list) { steers.append(try Steer(element)) }
        }
        if let flag = members.optional("allow_noop") { allowNoop = try flag.bool() }
    }

    /// The most knockouts, patches and steers, each, of one run: they are looked at in every head of every layer.
    static let maximumCount = 256

    private static func elements(_ list: JSONField) throws(JSONError) -> [JSONField] {
        let elements = try list.array()
        guard elements.count <= maximumCount else {
            throw list.invalid(
                "\(elements.count) of them; at most \(maximumCount) in one run: merge them into lists of positions or layers"
            )
        }
        return elements
    }

    /// The states that it names, source runs' own interventions included.
    package var states: Set<String> {
        var names = Set(steers.map(\.direction))
        for patch in patches {
            if let state = patch.source?.state { names.insert(state) }
            if let inner = patch.source?.interventions { names.formUnion(inner.states) }
        }
        return names
    }

    package var json: JSONValue {
        [
            "knockouts": .array(knockouts.map(\.json)), "patches": .array(patches.map(\.json)),
            "steers": .array(steers.map(\.json)), "allow_noop": .bool(allowNoop),
        ]
    }
}
