package import Models
package import StrictJSON

/// Where a patch takes its states from: a run made for it, or a state that was kept.
package struct PatchSource: Sendable, Equatable {
    /// A picture as the request names it (a digest or a `data:` URL); `nil` is the base run's own picture.
    package var image: String?
    /// The source's prompt; `nil` is the base run's own prompt.
    package var prompt: PromptRequest?
    /// What is done to the source run; `nil` is a clean run.
    package var interventions: InterventionSet?
    /// The state instead of a run, as the request names it; then the others are `nil`.
    package var state: String?

    package init(image: String? = nil, prompt: PromptRequest? = nil, interventions: InterventionSet? = nil) {
        self.image = image
        self.prompt = prompt
        self.interventions = interventions
    }

    package init(state: String) { self.state = state }

    init(_ field: JSONField) throws(JSONError) {
        let members = try field.object()
        image = try members.optional("image")?.string()
        if let given = members.optional("prompt") { prompt = try PromptRequest(given) }
        if let given = members.optional("interventions") { interventions = try InterventionSet(given) }
        state = try members.optional("state").map { given throws(JSONError) in try StateName.read(given) }
        try members.finish()
        guard state == nil || (image == nil && prompt == nil && interventions == nil) else {
            throw field.invalid("give either \"state\", or \"image\", \"prompt\" and \"interventions\" of a run")
        }
    }

    var json: JSONValue {
        if let state { return ["state": .string(state)] }
        return [
            "image": .optional(image), "prompt": prompt?.json ?? .null, "interventions": interventions?.json ?? .null,
        ]
    }
}

/// Replacing the state at a site and positions of the base run by that of the source run.
package struct Patch: Sendable, Equatable {
    package var site: Site
    package var layers: LayerSelection
    package var positions: PositionExpression
    /// `nil` takes what the context offers: the pair's source in patch jobs, `--source-image` in traces.
    package var source: PatchSource?
    /// Where in the source run, if not at the same expression; in a state, indices of its own positions, if not all.
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
