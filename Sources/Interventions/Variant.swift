package import StrictJSON

/// One set of interventions applied to one prompt, all at once, under a name.
package struct Variant: Sendable, Equatable {
    package var name: String
    package var interventions: InterventionSet
    /// Runs on the next input's picture instead of the input's own (the `other_image` control).
    package var usesNextImage: Bool

    package init(name: String, interventions: InterventionSet, usesNextImage: Bool = false) {
        self.name = name
        self.interventions = interventions
        self.usesNextImage = usesNextImage
    }

    /// Reads a named variant (`"eoi"`) or one that is spelled out (an object with a `name`).
    ///
    /// - throws: ``JSONError`` naming the field; a name that is none is listed with those that are.
    package init(_ field: JSONField) throws(JSONError) {
        if case .string(let name) = field.value {
            guard let variant = Variant.named(name) else {
                let known = Variant.namedVariants.map(\.name).joined(separator: ", ")
                throw field.invalid(
                    "\"\(name)\" is no named variant; named variants are \(known)", code: "unknown_variant")
            }
            self = variant
            return
        }
        let members = try field.object()
        let nameField = try members.required("name")
        name = try nameField.string()
        guard !name.isEmpty, name.utf8.count <= 200 else { throw nameField.invalid("a name has 1 to 200 bytes") }
        usesNextImage = try members.optional("uses_next_image")?.bool() ?? false
        interventions = try InterventionSet(members: members)
        try members.finish()
        guard usesNextImage || !interventions.isEmpty || interventions.allowNoop else {
            throw field.invalid(
                "the variant does nothing; give knockouts, patches or steers (the clean run is always made)"
            )
        }
    }

    package var json: JSONValue {
        var object = JSONObject([("name", .string(name))])
        if case .object(let set) = interventions.json {
            for (member, value) in set.members { object[member] = value }
        }
        object["uses_next_image"] = .bool(usesNextImage)
        return .object(object)
    }

    /// The selection of the one intervention that makes a variant a layer, with its path; `nil` if none does.
    ///
    /// - throws: ``JSONError`` if more than one does.
    package func layerSweep(path: String) throws(JSONError) -> (selection: LayerSelection, path: String)? {
        var found: (LayerSelection, String)?
        let selections =
            interventions.knockouts.enumerated().map { ($1.layers, "\(path).knockouts[\($0)].layers") }
            + interventions.patches.enumerated().map { ($1.layers, "\(path).patches[\($0)].layers") }
            + interventions.steers.enumerated().map { ($1.layers, "\(path).steers[\($0)].layers") }
        for (selection, path) in selections where selection.makesVariants {
            guard found == nil else {
                throw JSONError(
                    .invalidValue, at: path, "only one selection in a variant may be each, from_each or each_of")
            }
            found = (selection, path)
        }
        return found.map { (selection: $0.0, path: $0.1) }
    }
}

extension Variant {
    /// The variants that a request may name (wire vocabulary, "Named variants"; paper-protocol §3.5).
    package static let namedVariants: [Variant] = [
        cut("eoi", "text", .role("eoi")),
        cut("eoi_after_0", "text", .role("eoi"), layers: .list([.range(1..<IndexRange.open)])),
        cut("image_to_text", "text", .role("image")),
        cut("both", "text", .list([.role("image"), .role("eoi")])),
        cut("last_image", "text", .role("last_image")),
        cut("random_image", "text", .role("random_image(10)")),
        cut("soi", "text", .role("soi")),
        cut("bos", "text", .role("bos")),
        Variant(name: "other_image", interventions: InterventionSet(), usesNextImage: true),
        cut("eoi.paper", "all", .role("eoi")),
        cut("image_to_text.paper", "text", .list([.role("soi"), .role("image")])),
        cut("random_image.paper", "all", .role("random_image(10)")),
    ]

    /// The named variant, or `nil`.
    package static func named(_ name: String) -> Variant? { namedVariants.first { $0.name == name } }

    private static func cut(
        _ name: String, _ queries: String, _ keys: PositionExpression, layers: LayerSelection = .all
    ) -> Variant {
        Variant(
            name: name,
            interventions: InterventionSet(knockouts: [Knockout(queries: .role(queries), keys: keys, layers: layers)]))
    }
}
