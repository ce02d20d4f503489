package import Interventions
package import StrictJSON

/// A knockout job: inputs × variants, the clean run of each input beside them.
package struct KnockoutSpecification: Sendable, Equatable {
    package var model: String
    package var inputs: [JobInput]
    package var variants: [Variant]
    package var measure: Measure
    package var seed: Int
    package var reuse: Reuse

    static let maximumVariants = 100_000

    /// Reads the body of `POST /v1/knockouts`.
    package init(_ members: JSONFields, defaultModel: String) throws(JSONError) {
        model = try members.optional("model")?.string() ?? defaultModel
        inputs = try JobInput.list(members)
        let field = try members.required("variants")
        let list = try field.array()
        guard !list.isEmpty else {
            throw field.invalid("the list is empty; name at least one variant, such as \"eoi\"")
        }
        guard list.count <= Self.maximumVariants else {
            throw field.invalid("\(list.count) variants; at most \(Self.maximumVariants) in one job: split it")
        }
        variants = []
        var names = Set<String>()
        for element in list {
            let variant = try Variant(element)
            guard variant.name != "clean" else {
                throw element.invalid("\"clean\" is the name of the run without interventions, which is always made")
            }
            guard names.insert(variant.name).inserted else {
                throw element.invalid("the variant \"\(variant.name)\" is named twice")
            }
            _ = try variant.layerSweep(path: element.path)
            variants.append(variant)
        }
        let measureField = members.optional("measure")
        measure = try Measure(measureField, captionByDefault: true)
        if let measureField, !measure.nextToken, !measure.caption, measure.beside.isEmpty {
            throw measureField.invalid("next_token and caption are both false: there is nothing to compare")
        }
        seed = try members.optional("seed")?.integer() ?? 0
        reuse = try Reuse(members.optional("reuse"))
    }

    /// The request as accepted: variants spelled out, so that it says what was done even if names change.
    package var json: JSONValue {
        [
            "model": .string(model), "inputs": .array(inputs.map(\.json)), "variants": .array(variants.map(\.json)),
            "measure": measure.json, "seed": .integer(seed), "reuse": .string(reuse.rawValue),
        ]
    }
}
