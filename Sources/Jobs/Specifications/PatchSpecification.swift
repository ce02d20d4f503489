package import Interventions
package import Models
package import StrictJSON

/// A base and a source picture, with the class tokens whose probabilities tell them apart.
package struct PatchPair: Sendable, Equatable {
    package var id: String
    package var base: String
    package var source: String
    package var baseToken: ClassToken?
    package var sourceToken: ClassToken?
    /// Takes the first token of a class word that has several.
    package var firstToken: Bool

    init(_ field: JSONField, index: Int) throws(JSONError) {
        let members = try field.object()
        id = try members.optional("id").map { id throws(JSONError) in try JobInput.identifier(id) } ?? "\(index)"
        base = try members.required("base").string()
        source = try members.required("source").string()
        if let given = members.optional("base_token") { baseToken = try ClassToken(given) }
        if let given = members.optional("source_token") { sourceToken = try ClassToken(given) }
        firstToken = try members.optional("first_token")?.bool() ?? false
        try members.finish()
    }

    var json: JSONValue {
        [
            "id": .string(id), "base": .string(base), "source": .string(source),
            "base_token": baseToken?.json ?? .null, "source_token": sourceToken?.json ?? .null,
            "first_token": .bool(firstToken),
        ]
    }
}

/// A patch job: pairs × layers, at one site and one position expression (paper-protocol §3.6).
package struct PatchSpecification: Sendable, Equatable {
    package var model: String
    package var pairs: [PatchPair]
    /// `nil` until the model's `probe` preset, or else its `caption`, fills it in.
    package var prompt: PromptRequest?
    package var site: Site
    package var positions: PositionExpression
    package var sourcePositions: PositionExpression?
    package var layers: LayerSelection
    package var measure: Measure
    package var seed: Int
    package var reuse: Reuse

    /// Reads the body of `POST /v1/patches`.
    package init(_ members: JSONFields, defaultModel: String) throws(JSONError) {
        model = try members.optional("model")?.string() ?? defaultModel
        let field = try members.required("pairs")
        let list = try field.array()
        guard !list.isEmpty else { throw field.invalid("the list is empty; give at least one pair") }
        try JobInput.checkCount(list.count, field)
        let firstToken = try members.optional("first_token")?.bool() ?? false
        pairs = []
        var seen = Set<String>()
        for (index, element) in list.enumerated() {
            var pair = try PatchPair(element, index: index)
            guard seen.insert(pair.id).inserted else { throw element.invalid("the id \"\(pair.id)\" is used twice") }
            pair.firstToken = pair.firstToken || firstToken
            pairs.append(pair)
        }
        prompt = try members.optional("prompt").map { given throws(JSONError) in try PromptRequest(given) }
        site = .residIn
        if let given = members.optional("site") { site = try Site(given) }
        positions = .role("eoi")
        if let given = members.optional("positions") { positions = try PositionExpression(given) }
        if let given = members.optional("source_positions") { sourcePositions = try PositionExpression(given) }
        layers = .each
        if let given = members.optional("layers") { layers = try LayerSelection(given) }
        measure = try Measure(members.optional("measure"), captionByDefault: false)
        seed = try members.optional("seed")?.integer() ?? 0
        reuse = try Reuse(members.optional("reuse"))
    }

    /// The request as accepted.
    package var json: JSONValue {
        [
            "model": .string(model), "pairs": .array(pairs.map(\.json)), "prompt": prompt?.json ?? .null,
            "site": .string(site.rawValue), "positions": positions.json,
            "source_positions": sourcePositions?.json ?? .null, "layers": layers.json, "measure": measure.json,
            "seed": .integer(seed), "reuse": .string(reuse.rawValue),
        ]
    }

    /// The one patch of every cell, before a layer is chosen.
    package var patch: Patch {
        Patch(site: site, layers: layers, positions: positions, sourcePositions: sourcePositions)
    }
}
