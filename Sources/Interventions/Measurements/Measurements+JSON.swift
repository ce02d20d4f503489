import Models
package import StrictJSON

extension Measurements {
    /// Reads the members `captures`, `attention` and `logit_lens`, each of which may be left out.
    package init(_ members: JSONFields) throws(JSONError) {
        self.init()
        for element in try Self.elements(members, "captures") { captures.append(try Capture(element)) }
        for element in try Self.elements(members, "attention") { attention.append(try Attention(element)) }
        for element in try Self.elements(members, "logit_lens") { logitLens.append(try LogitLens(element)) }
    }

    /// The three members, defaults filled in.
    package var json: JSONValue {
        [
            "captures": .array(captures.map(\.json)), "attention": .array(attention.map(\.json)),
            "logit_lens": .array(logitLens.map(\.json)),
        ]
    }

    /// The most entries of one list.
    static let maximumCount = 64

    private static func elements(_ members: JSONFields, _ name: String) throws(JSONError) -> [JSONField] {
        guard let list = members.optional(name) else { return [] }
        let elements = try list.array()
        guard elements.count <= maximumCount else {
            throw list.invalid("\(elements.count) of them; at most \(maximumCount)")
        }
        return elements
    }

    /// Layers that are measured together: nothing here makes a variant a layer.
    fileprivate static func layers(_ members: JSONFields) throws(JSONError) -> LayerSelection {
        guard let given = members.optional("layers") else { return .all }
        let selection = try LayerSelection(given)
        guard !selection.makesVariants else {
            throw given.invalid("what is measured takes \"all\", an index, a range or a list of layers")
        }
        return selection
    }

    fileprivate static func pooling(_ field: JSONField, or neutral: String) throws(JSONError) -> Pooling? {
        let name = try field.string()
        if name == neutral { return nil }
        guard let pooling = Pooling(rawValue: name) else {
            throw field.invalid("\"\(name)\" is neither \"\(neutral)\" nor \"mean\"")
        }
        return pooling
    }
}

extension Measurements.Capture {
    package init(_ field: JSONField) throws(JSONError) {
        let members = try field.object()
        try self.init(members)
        try members.finish()
    }

    /// Reads the members `site`, `layers`, `positions` and `pool`; the caller finishes them.
    package init(_ members: JSONFields) throws(JSONError) {
        let site = try Site(try members.required("site"))
        let positions = try PositionExpression(try members.required("positions"))
        self.init(site: site, layers: try Measurements.layers(members), positions: positions)
        if let given = members.optional("pool") { pool = try Measurements.pooling(given, or: "none") }
    }

    package var json: JSONValue {
        [
            "site": .string(site.rawValue), "layers": layers.json, "positions": positions.json,
            "pool": .optional(pool?.rawValue),
        ]
    }
}

extension Measurements.Attention {
    package init(_ field: JSONField) throws(JSONError) {
        let members = try field.object()
        self.init(layers: try Measurements.layers(members))
        if let given = members.optional("heads") {
            heads = given.value == "mean" ? .mean : .each(try HeadSelection(given))
        }
        if let given = members.optional("queries") { queries = try PositionExpression(given) }
        if let given = members.optional("over_queries") { overQueries = try Measurements.pooling(given, or: "each") }
        if let given = members.optional("keys") { keys = try Self.keys(given) }
        try members.finish()
    }

    private static func keys(_ field: JSONField) throws(JSONError) -> Keys {
        if field.value == "each" { return .each }
        guard case .array = field.value else { throw field.wrongType("a list of role expressions, or \"each\"") }
        let elements = try field.array()
        guard !elements.isEmpty else { throw field.invalid("the list is empty; name at least one role") }
        guard elements.count <= PositionExpression.maximumCount else {
            throw field.invalid("\(elements.count) elements; at most \(PositionExpression.maximumCount)")
        }
        var groups: [PositionExpression] = []
        for element in elements { groups.append(try PositionExpression(element)) }
        return .groups(groups)
    }

    package var json: JSONValue {
        let heads: JSONValue =
            switch heads {
            case .mean: "mean"
            case .each(let selection): selection.json
            }
        let keys: JSONValue =
            switch keys {
            case .each: "each"
            case .roles: .null
            case .groups(let groups): .array(groups.map(\.json))
            }
        return [
            "layers": layers.json, "heads": heads, "queries": queries.json,
            "over_queries": .string(overQueries?.rawValue ?? "each"), "keys": keys,
        ]
    }
}

extension Measurements.LogitLens {
    package init(_ field: JSONField) throws(JSONError) {
        let members = try field.object()
        self.init(layers: try Measurements.layers(members))
        if let given = members.optional("site") {
            site = try Site(given)
            guard site != .headOut else {
                throw given.invalid(
                    "head_out comes before the output projection; the head reads what is as wide as the stream")
            }
        }
        if let given = members.optional("positions") { positions = try PositionExpression(given) }
        if let given = members.optional("top") { top = try given.integer(in: Self.topRange) }
        try members.finish()
    }

    package var json: JSONValue {
        [
            "site": .string(site.rawValue), "layers": layers.json, "positions": positions.json, "top": .integer(top),
        ]
    }
}
