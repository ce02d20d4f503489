import Models
package import Schemas
import StrictJSON

/// What the readers of interventions take, one description a reader.
package enum InterventionSchemas {
    /// By the name under which others refer to it.
    package static let all: [(name: String, schema: JSONSchema)] = [
        ("Prompt", prompt), ("Positions", positions), ("Layers", layers), ("Heads", heads), ("Site", site),
        ("Knockout", knockout), ("Patch", patch), ("PatchSource", patchSource), ("Steer", steer),
        ("Interventions", .object(setMembers)), ("Variant", variant), ("ClassToken", classToken),
        ("Capture", .object(captureMembers)), ("Attention", attention), ("LogitLens", logitLens),
    ]

    package static let image = JSONSchema.string().described(
        "`sha256:` and 64 hexadecimal digits: an uploaded picture; or a `data:` URL")
    package static let stateName = JSONSchema.string(count: 1...1 << 20).described(
        "`sha256:` and 64 hexadecimal digits: a state")

    private static let index = JSONSchema.integer(in: 0...(IndexRange.open - 1))
    private static let text = JSONSchema.string(count: 1...1 << 20)

    private static let prompt = JSONSchema.any(of: [
        .object([
            .required("preset", .string(), "one of the model's presets"),
            .optional("question", text, "for presets that ask one"),
        ]),
        .object([.required("text", text, "as it stands, with the model's image placeholder in it")]),
        .object([.required("chat", text, "a user's message; the model's chat form is applied")]),
    ])

    private static let positions = JSONSchema.any(of: [
        JSONSchema.string().described("a role (`eoi`), or a range (`19..<31`, `19...30`, `19...`)"), index,
        .array(of: .reference("Positions"), count: 1...PositionExpression.maximumCount),
    ]).described("Token positions: a role, an index, a range, or a list of these, together")

    private static let item = JSONSchema.any(of: [
        index, JSONSchema.string().described("an index or a range such as `8..<16`"),
    ])
    private static let layers = JSONSchema.any(of: [
        JSONSchema.string().described("`all`, an index, a range; in jobs `each` and `from_each`"), index,
        JSONSchema([("type", "array"), ("items", item.json), ("minItems", 1)]),
        .object([
            .required("each_of", JSONSchema([("type", "array"), ("items", index.json), ("minItems", 1)]), "jobs only")
        ]),
    ]).described("Layers: together, but for `each`, `from_each` and `each_of`, which make one variant a layer")
    private static let heads = JSONSchema.any(of: [
        JSONSchema.string().described("`all`, an index or a range"), index,
        JSONSchema([("type", "array"), ("items", item.json), ("minItems", 1)]),
    ]).described("Query heads, together")

    private static let site = JSONSchema.choice(Site.self).described("Where in a layer")

    private static let knockout = JSONSchema.object([
        .required("keys", .reference("Positions")),
        .optional("queries", .reference("Positions"), default: "text"),
        .optional("layers", .reference("Layers"), default: "all"),
        .optional("heads", .reference("Heads"), default: "all"),
        .optional("mode", .choice(KnockoutMode.self), default: "zero"),
    ]).described("Attention edges that are cut")

    private static let patch = JSONSchema.object([
        .required("site", .reference("Site")), .required("layers", .reference("Layers")),
        .required("positions", .reference("Positions")), .optional("source", .reference("PatchSource")),
        .optional("source_positions", .reference("Positions"), "where in the source, if not at the same"),
    ]).described("States that are replaced by those of another run, or by one that was kept")

    private static let patchSource = JSONSchema.any(of: [
        .object([
            .optional("image", image), .optional("prompt", .reference("Prompt")),
            .optional("interventions", .reference("Interventions"), "what is done to the source run"),
        ]),
        .object([.required("state", stateName)]),
    ])

    private static let steer = JSONSchema.object([
        .required("site", .reference("Site")), .required("layers", .reference("Layers")),
        .required("positions", .reference("Positions")),
        .required("direction", .object([.required("state", stateName)])),
        .optional(
            "scale", .number(in: -Double(Float.greatestFiniteMagnitude)...Double(Float.greatestFiniteMagnitude)),
            default: 1),
    ]).described("A state that is added, scaled")

    private static let setMembers: [JSONMember] = [
        .optional("knockouts", .array(of: .reference("Knockout"), count: 0...InterventionSet.maximumCount)),
        .optional("patches", .array(of: .reference("Patch"), count: 0...InterventionSet.maximumCount)),
        .optional("steers", .array(of: .reference("Steer"), count: 0...InterventionSet.maximumCount)),
        .optional("allow_noop", .bool, "accepts what resolves to nothing", default: false),
    ]

    private static let variant = JSONSchema.any(of: [
        .choice(Variant.namedVariants.map(\.name)),
        .object(
            [
                .required("name", .string(count: 1...200)),
                .optional("uses_next_image", .bool, "runs on the next input's picture", default: false),
            ] + setMembers),
    ]).described("A named variant, or one that is spelled out")

    private static let classToken = JSONSchema.any(of: [
        .string(), .object([.required("id", .integer(in: 0...Int(Int32.max)))]),
    ])

    package static let captureMembers: [JSONMember] = [
        .required("site", .reference("Site")), .required("positions", .reference("Positions")),
        .optional("layers", .reference("Layers"), default: "all"),
        .optional("pool", .choice(["none", "mean"]), "`mean` makes one position of all", default: "none"),
    ]

    private static let attention = JSONSchema.object([
        .optional("layers", .reference("Layers"), default: "all"),
        .optional("heads", .any(of: [.constant("mean"), .reference("Heads")]), default: "mean"),
        .optional("queries", .reference("Positions"), default: "last"),
        .optional("over_queries", .choice(["each", "mean"]), default: "each"),
        .optional(
            "keys",
            .any(of: [
                .constant("each"), .array(of: .reference("Positions"), count: 1...PositionExpression.maximumCount),
            ])),
    ])

    private static let logitLens = JSONSchema.object([
        .optional("site", .reference("Site"), default: "resid_out"),
        .optional("layers", .reference("Layers"), default: "all"),
        .optional("positions", .reference("Positions"), default: "last"),
        .optional("top", .integer(in: Measurements.LogitLens.topRange), default: 5),
    ])

    /// The members `captures`, `attention` and `logit_lens`.
    package static let measurementMembers: [JSONMember] = [
        .optional("captures", .array(of: .reference("Capture"), count: 0...Measurements.maximumCount)),
        .optional("attention", .array(of: .reference("Attention"), count: 0...Measurements.maximumCount)),
        .optional("logit_lens", .array(of: .reference("LogitLens"), count: 0...Measurements.maximumCount)),
    ]
}
