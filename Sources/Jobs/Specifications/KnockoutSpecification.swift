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

    /// Reads the body of `POST /v1/knockouts`.
    package init(_ members: JSONFields, defaultModel: String) throws(JSONError) {
        model = try members.optional("model")?.string() ?? defaultModel
        inputs = try JobInput.list(members)
        let field = try members.required("variants")
        let list = try field.array()
        guard !list.isEmpty else {
            throw field.invalid("the list is empty; name at least one variant, such as \"eoi\"")
        }
        variants = []
        for element in list {
            let variant = try Variant(element)
            guard variant.name != "clean" else {
                throw element.invalid("\"clean\" is the name of the run without interventions, which is always made")
            }
            guard !variants.contains(where: { $0.name == variant.name }) else {
                throw element.invalid("the variant \"\(variant.name)\" is named twice")
            }
            _ = try variant.layerSweep(path: element.path)
            variants.append(variant)
        }
        measure = try Measure(members.optional("measure"), captionByDefault: true)
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
