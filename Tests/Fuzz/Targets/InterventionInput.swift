import Interventions
import Models
import StrictJSON

/// An interventions object or, in an array, expressions and selections by themselves. What is read is spelled back and
/// read as the same, and stands for positions, layers and heads that are there.
enum InterventionInput {
    /// Two prompts: `<s> [SOI] 2×3 image [EOI] t t t`, and one of two pictures, with row breaks and without a start.
    private static let layouts = [
        PromptLayout(
            tokens: 12, bos: 0,
            images: [.init(soi: 1, image: 2..<8, breaks: [], gridRows: 2, gridColumns: 3, eoi: 8)]),
        PromptLayout(
            tokens: 20, bos: nil,
            images: [
                .init(soi: nil, image: 1..<9, breaks: [4, 8], gridRows: 2, gridColumns: 3, eoi: 9),
                .init(soi: 11, image: 12..<14, breaks: [], gridRows: 1, gridColumns: 2, eoi: 14),
            ]),
        PromptLayout(tokens: 1, bos: 0, images: []),
    ]

    static func run(_ input: [UInt8]) throws {
        guard let value = try? JSONParser.parse(input) else { return }
        if let set = try? InterventionSet(JSONField(value)) {
            let again = try? InterventionSet(JSONField(set.json))
            try demand(again == set, "\(set.json.text) is read as other interventions")
            for knockout in set.knockouts {
                try resolve(knockout.queries)
                try resolve(knockout.keys)
                try resolve(knockout.layers)
                try resolve(knockout.heads)
            }
            for patch in set.patches {
                try resolve(patch.positions)
                try resolve(patch.layers)
            }
            for steer in set.steers {
                try resolve(steer.positions)
                try resolve(steer.layers)
            }
        }
        for element in value.arrayValue ?? [value] {
            let field = JSONField(element)
            if let variant = try? Variant(field) {
                let again = try? Variant(JSONField(variant.json))
                try demand(again == variant, "\(variant.json.text) is read as another variant")
                _ = try? variant.layerSweep(path: "")
            }
            if let positions = try? PositionExpression(field) { try resolve(positions) }
            if let layers = try? LayerSelection(field) { try resolve(layers) }
            if let heads = try? HeadSelection(field) { try resolve(heads) }
            if case .object(let object) = element { _ = try? Measurements(JSONFields(object)) }
            _ = try? PromptRequest(field)
            _ = try? ClassToken(field)
        }
    }

    private static func resolve(_ expression: PositionExpression) throws {
        let again = try? PositionExpression(JSONField(expression.json))
        try demand(again == expression, "\(expression.json.text) is read as other positions")
        for layout in layouts {
            let resolver = PositionResolver(
                layout: layout, model: "gate", draw: RandomDraw(seed: 0, image: "sha256:a", variant: "v"))
            for use in [PositionResolver.Use.queries, .keys, .patch, .measurement] {
                guard let set = try? resolver.resolve(expression, as: use, path: "") else { continue }
                try ascending(set.prompt, below: layout.tokens, "\(expression.json.text)")
            }
        }
    }

    private static func resolve(_ layers: LayerSelection) throws {
        let again = try? LayerSelection(JSONField(layers.json))
        try demand(again == layers, "\(layers.json.text) is read as other layers")
        for variantLayer in (try? layers.variantLayers(count: 6, path: "", model: "gate")) ?? [] {
            guard let chosen = try? layers.resolve(count: 6, variantLayer: variantLayer, path: "", model: "gate")
            else { continue }
            try ascending(chosen, below: 6, layers.json.text)
        }
    }

    private static func resolve(_ heads: HeadSelection) throws {
        let again = try? HeadSelection(JSONField(heads.json))
        try demand(again == heads, "\(heads.json.text) is read as other heads")
        guard let chosen = try? heads.resolve(count: 4, path: "", model: "gate") else { return }
        try ascending(chosen, below: 4, heads.json.text)
    }

    private static func ascending(_ indices: [Int], below count: Int, _ text: String) throws {
        try demand(
            zip(indices, indices.dropFirst()).allSatisfy(<) && (indices.first ?? 0) >= 0
                && (indices.last ?? 0) < count,
            "\(text) stands for \(indices) of \(count)")
    }
}
