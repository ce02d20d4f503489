package import StrictJSON

/// Which layers an intervention acts in.
///
/// Lists, ranges and `all` mean *together*. `each`, `from_each` and `each_of` make one variant a layer;
/// they are for jobs only, once in a variant.
package enum LayerSelection: Sendable, Equatable {
    case all
    case list([LayerItem])
    case each
    /// From layer *l* to the last, together; one variant for every *l*.
    case fromEach
    case eachOf([Int])

    /// One element of a list of layers or heads.
    package enum LayerItem: Sendable, Equatable {
        case index(Int)
        case range(Range<Int>)

        /// The indices meant, in a model that has `count`: an open range ends at the last.
        func indices(of count: Int) -> Range<Int> {
            switch self {
            case .index(let index): index..<(index + 1)
            case .range(let range) where range.upperBound == IndexRange.open:
                range.lowerBound..<max(count, range.lowerBound + 1)
            case .range(let range): range
            }
        }

        var json: JSONValue {
            switch self {
            case .index(let index): .integer(index)
            case .range(let range): .string(IndexRange.text(range))
            }
        }

        init(_ field: JSONField) throws(JSONError) {
            if case .string(let text) = field.value {
                if let index = try IndexRange.index(text, field: field) {
                    self = .index(index)
                } else if let range = try IndexRange.parse(text, field: field) {
                    self = .range(range)
                } else {
                    throw field.invalid("\"\(text)\" is neither an index nor a range such as \"8..<16\"")
                }
            } else {
                self = .index(try IndexRange.index(field))
            }
        }

        static func list(_ field: JSONField) throws(JSONError) -> [LayerItem] {
            guard case .array = field.value else { return [try LayerItem(field)] }
            let elements = try field.array()
            guard !elements.isEmpty else { throw field.invalid("the list is empty") }
            var items: [LayerItem] = []
            for element in elements { items.append(try LayerItem(element)) }
            return items
        }
    }

    /// One layer.
    package static func layer(_ index: Int) -> LayerSelection { .list([.index(index)]) }

    /// Whether this selection makes one variant a layer.
    package var makesVariants: Bool {
        switch self {
        case .each, .fromEach, .eachOf: true
        case .all, .list: false
        }
    }

    /// Reads a layer selection (wire vocabulary, "layers").
    package init(_ field: JSONField) throws(JSONError) {
        switch field.value {
        case .string("all"): self = .all
        case .string("each"): self = .each
        case .string("from_each"): self = .fromEach
        case .object:
            let members = try field.object()
            let list = try members.required("each_of")
            let elements = try list.array()
            guard !elements.isEmpty else { throw list.invalid("the list is empty") }
            var layers: [Int] = []
            var seen = Set<Int>()
            for element in elements {
                let layer = try element.integer(in: 0...Int(Int32.max))
                guard seen.insert(layer).inserted else { throw element.invalid("layer \(layer) is listed twice") }
                layers.append(layer)
            }
            try members.finish()
            self = .eachOf(layers)
        case .string(let text) where Int(text) == nil && !text.contains(".."):
            throw field.invalid(
                "\"\(text)\" is no layer selection; write \"all\", an index, a range such as \"8..<16\", a list, or in jobs \"each\", \"from_each\" or {\"each_of\": […]}"
            )
        default: self = .list(try LayerItem.list(field))
        }
    }

    /// The selection as a request spells it.
    package var json: JSONValue {
        switch self {
        case .all: "all"
        case .each: "each"
        case .fromEach: "from_each"
        case .eachOf(let layers): ["each_of": .array(layers.map { .integer($0) })]
        case .list(let items): items.count == 1 ? items[0].json : .array(items.map(\.json))
        }
    }

    /// The layers meant, ascending and without doubles, for a model of `count` layers.
    ///
    /// For selections that make variants, `variantLayer` chooses the variant.
    /// - throws: ``InterventionError`` with code `layerOutOfRange`.
    package func resolve(count: Int, variantLayer: Int?, path: String, model: String) throws(InterventionError)
        -> [Int]
    {
        switch self {
        case .all: return Array(0..<count)
        case .each, .eachOf, .fromEach:
            guard let variantLayer else {
                throw InterventionError(
                    .unsupported, at: path,
                    "\(json.text) makes one variant a layer, which only the variants of jobs do; give an index, a range, a list or \"all\""
                )
            }
            return self == .fromEach ? Array(variantLayer..<count) : [variantLayer]
        case .list(let items):
            return try indices(of: items, count: count, what: "layer", code: .layerOutOfRange, path: path, model: model)
        }
    }

    /// The layers for which this selection makes a variant each; `[nil]` if it makes none.
    package func variantLayers(count: Int, path: String, model: String) throws(InterventionError) -> [Int?] {
        switch self {
        case .all, .list: return [nil]
        case .each, .fromEach: return Array(0..<count)
        case .eachOf(let layers):
            for layer in layers where layer >= count {
                throw InterventionError(
                    .layerOutOfRange, at: path, "layer \(layer) is outside 0...\(count - 1) for \(model)")
            }
            return layers
        }
    }
}

/// Which query heads an intervention acts in. Heads are query heads everywhere, also under grouped queries.
package enum HeadSelection: Sendable, Equatable {
    case all
    case list([LayerSelection.LayerItem])

    package init(_ field: JSONField) throws(JSONError) {
        if case .string("all") = field.value {
            self = .all
        } else {
            self = .list(try LayerSelection.LayerItem.list(field))
        }
    }

    package var json: JSONValue {
        switch self {
        case .all: "all"
        case .list(let items): items.count == 1 ? items[0].json : .array(items.map(\.json))
        }
    }

    /// The heads meant, ascending and without doubles, for a model of `count` query heads.
    package func resolve(count: Int, path: String, model: String) throws(InterventionError) -> [Int] {
        switch self {
        case .all: return Array(0..<count)
        case .list(let items):
            return try indices(of: items, count: count, what: "head", code: .headOutOfRange, path: path, model: model)
        }
    }
}

private func indices(
    of items: [LayerSelection.LayerItem], count: Int, what: String, code: InterventionError.Code, path: String,
    model: String
) throws(InterventionError) -> [Int] {
    var chosen = Set<Int>()
    for item in items {
        let range = item.indices(of: count)
        guard range.upperBound <= count else {
            throw InterventionError(
                code, at: path, "\(what) \(range.upperBound - 1) is outside 0...\(count - 1) for \(model)")
        }
        chosen.formUnion(range)
    }
    return chosen.sorted()
}
