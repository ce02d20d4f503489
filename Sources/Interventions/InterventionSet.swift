package import Models
package import StrictJSON

/// How attention edges are cut.
package enum KnockoutMode: String, Sendable, CaseIterable {
    /// The weight is set to 0 after softmax and the row is not renormalised (the paper's).
    case zero
    /// The score is set to −∞ before softmax (Geva et al. 2023).
    case mask
    /// The key's value vector is set to 0 for every query (the authors' flash-attention variant).
    case value
}

/// Cutting attention edges from query positions to key positions, in layers and query heads.
package struct Knockout: Sendable, Equatable {
    package var queries: PositionExpression
    package var keys: PositionExpression
    package var layers: LayerSelection
    package var heads: HeadSelection
    package var mode: KnockoutMode

    package init(
        queries: PositionExpression = .role("text"), keys: PositionExpression, layers: LayerSelection = .all,
        heads: HeadSelection = .all, mode: KnockoutMode = .zero
    ) {
        self.queries = queries
        self.keys = keys
        self.layers = layers
        self.heads = heads
        self.mode = mode
    }

    package init(_ field: JSONField) throws(JSONError) {
        let members = try field.object()
        keys = try PositionExpression(try members.required("keys"))
        queries = .role("text")
        if let given = members.optional("queries") { queries = try PositionExpression(given) }
        layers = .all
        if let given = members.optional("layers") { layers = try LayerSelection(given) }
        heads = .all
        if let given = members.optional("heads") { heads = try HeadSelection(given) }
        mode = .zero
        if let given = members.optional("mode") {
            let name = try given.string()
            guard let known = KnockoutMode(rawValue: name) else {
                throw given.invalid(
                    "\"\(name)\" is no knockout mode; modes are zero, mask, value", code: "unknown_mode")
            }
            mode = known
        }
        try members.finish()
    }

    package var json: JSONValue {
        [
            "queries": queries.json, "keys": keys.json, "layers": layers.json, "heads": heads.json,
            "mode": .string(mode.rawValue),
        ]
    }
}

/// The run that a patch takes its states from.
package struct PatchSource: Sendable, Equatable {
    /// A picture as the request names it (a digest or a `data:` URL); `nil` is the base run's own picture.
    package var image: String?
    /// The source's prompt; `nil` is the base run's own prompt.
    package var prompt: PromptRequest?
    /// What is done to the source run; `nil` is a clean run.
    package var interventions: InterventionSet?

    package init(image: String? = nil, prompt: PromptRequest? = nil, interventions: InterventionSet? = nil) {
        self.image = image
        self.prompt = prompt
        self.interventions = interventions
    }

    init(_ field: JSONField) throws(JSONError) {
        let members = try field.object()
        image = try members.optional("image")?.string()
        if let given = members.optional("prompt") { prompt = try PromptRequest(given) }
        if let given = members.optional("interventions") { interventions = try InterventionSet(given) }
        try members.finish()
    }

    var json: JSONValue {
        ["image": .optional(image), "prompt": prompt?.json ?? .null, "interventions": interventions?.json ?? .null]
    }
}

/// Replacing the state at a site and positions of the base run by that of the source run.
package struct Patch: Sendable, Equatable {
    package var site: Site
    package var layers: LayerSelection
    package var positions: PositionExpression
    /// `nil` takes what the context offers: the pair's source in patch jobs, `--source-image` in traces.
    package var source: PatchSource?
    /// Where in the source run, if not at the same expression.
    package var sourcePositions: PositionExpression?

    package init(
        site: Site, layers: LayerSelection, positions: PositionExpression, source: PatchSource? = nil,
        sourcePositions: PositionExpression? = nil
    ) {
        self.site = site
        self.layers = layers
        self.positions = positions
        self.source = source
        self.sourcePositions = sourcePositions
    }

    package init(_ field: JSONField) throws(JSONError) {
        let members = try field.object()
        site = try Site(try members.required("site"))
        layers = try LayerSelection(try members.required("layers"))
        positions = try PositionExpression(try members.required("positions"))
        if let given = members.optional("source") { source = try PatchSource(given) }
        if let given = members.optional("source_positions") { sourcePositions = try PositionExpression(given) }
        try members.finish()
    }

    package var json: JSONValue {
        [
            "site": .string(site.rawValue), "layers": layers.json, "positions": positions.json,
            "source": source?.json ?? .null, "source_positions": sourcePositions?.json ?? .null,
        ]
    }
}

extension Site {
    /// Reads a site by its name on the wire.
    package init(_ field: JSONField) throws(JSONError) {
        let name = try field.string()
        guard let site = Site(rawValue: name) else {
            let known = Site.allCases.map(\.rawValue).joined(separator: ", ")
            throw field.invalid("\"\(name)\" is no site; sites are \(known)", code: "unknown_site")
        }
        self = site
    }
}

/// Everything that is done to one run, all at once: the *interventions object* of captions, traces and variants.
package struct InterventionSet: Sendable, Equatable {
    package var knockouts: [Knockout]
    package var patches: [Patch]
    /// Accepts interventions that resolve to no position or to no causal edge.
    package var allowNoop: Bool

    package init(knockouts: [Knockout] = [], patches: [Patch] = [], allowNoop: Bool = false) {
        self.knockouts = knockouts
        self.patches = patches
        self.allowNoop = allowNoop
    }

    /// Whether the run is clean.
    package var isEmpty: Bool { knockouts.isEmpty && patches.isEmpty }

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
            guard try list.array().isEmpty else {
                throw list.invalid(
                    "steering takes its directions from stored states, which this server does not keep yet; leave the list out"
                )
            }
        }
        if let flag = members.optional("allow_noop") { allowNoop = try flag.bool() }
    }

    /// The most knockouts, and the most patches, of one run: each is looked at for every head of every layer.
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

    package var json: JSONValue {
        [
            "knockouts": .array(knockouts.map(\.json)), "patches": .array(patches.map(\.json)), "steers": [],
            "allow_noop": .bool(allowNoop),
        ]
    }
}
