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
