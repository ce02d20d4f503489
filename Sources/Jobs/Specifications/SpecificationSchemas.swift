import Interventions
package import Schemas
import StrictJSON

/// What the readers of requests take, one description a reader.
package enum SpecificationSchemas {
    /// By the name under which others refer to it.
    package static let all: [(name: String, schema: JSONSchema)] =
        InterventionSchemas.all + [
            ("Input", input), ("Pair", pair), ("Measure", measure), ("CaptionRequest", caption),
            ("KnockoutRequest", knockout), ("PatchRequest", patch), ("StateRequest", state),
        ]

    private static let inputs = JSONMember.required(
        "inputs", .array(of: .reference("Input"), count: 1...JobInput.maximumCount))
    private static let images = JSONMember.required(
        "images", .array(of: InterventionSchemas.image, count: 1...JobInput.maximumCount), "short for `inputs`")
    private static let image = JSONMember.required("image", InterventionSchemas.image)
    private static let model = JSONMember.optional("model", .string(), "the server's default where it is left out")
    private static let prompt = JSONMember.optional("prompt", .reference("Prompt"), "the preset `caption`")
    private static let seed = JSONMember.optional("seed", .integer(), default: 0)
    private static let reuse = JSONMember.optional("reuse", .choice(["on", "off"]), default: "on")
    private static let dryRun = JSONMember.optional(
        "dry_run", .bool, "says what would be computed, and computes nothing", default: false)
    private static let identifier = JSONMember.optional("id", .string(count: 1...200), "its index, if left out")

    private static let input = JSONSchema.object([identifier, image, prompt])

    private static let pair = JSONSchema.object([
        identifier, .required("base", InterventionSchemas.image), .required("source", InterventionSchemas.image),
        .optional("base_token", .reference("ClassToken")), .optional("source_token", .reference("ClassToken")),
        .optional("first_token", .bool, "takes the first token of a word of several", default: false),
    ])

    private static let measure = JSONSchema.object(
        [
            .optional("next_token", .bool, default: true), .optional("caption", .bool),
            .optional("max_tokens", .integer(in: Measure.tokenRange), default: 60),
            .optional("top", .integer(in: Measure.topRange), default: 5),
        ] + InterventionSchemas.measurementMembers)

    private static let caption = JSONSchema.any(
        of: [[image], [images], [inputs]].map { .object([model] + $0 + generation) })

    private static let generation: [JSONMember] = [
        prompt, .optional("max_tokens", .integer(in: Measure.tokenRange), default: 60),
        .optional("temperature", .number(in: 0...100), "0 takes the likeliest token", default: 0),
        .optional("top_p", .number(in: 0...1, above: 0), default: 1), seed, .optional("stop", stop),
        .optional("top_logprobs", .integer(in: Measure.topRange), default: 0),
        .optional("interventions", .reference("Interventions")),
        .optional("receipt", .choice(["none", "brief", "full"]), default: "brief"),
        .optional("measure", .object(InterventionSchemas.measurementMembers)), dryRun,
    ]

    /// A caption's request as a multipart form: the picture as a file, and the members of the JSON form, or one part with all
    /// of them.
    package static let captionForm: JSONSchema = {
        let image = JSONMember.required("image", JSONSchema([("type", "string"), ("format", "binary")]), "the file")
        let members: [JSONMember] = [
            .part("model", .string()), .part("max_tokens", .integer(in: Measure.tokenRange)),
            .part("temperature", .number(in: 0...100)), .part("top_p", .number(in: 0...1, above: 0)),
            .part("seed", .integer()), .part("stop", stopText), .part("top_logprobs", .integer(in: Measure.topRange)),
            .part("interventions", .reference("Interventions"), "as JSON"),
            .part("receipt", .choice(["none", "brief", "full"])),
            .part("measure", .object(InterventionSchemas.measurementMembers), "as JSON"),
            .part("dry_run", .choice(["true", "false"])),
        ]
        let prompts: [[JSONMember]] = [
            [.part("preset", .string())], [.required("preset", .string()), .required("question", .string())],
            [.required("text", .string())], [.required("chat", .string())],
            [.required("prompt", .reference("Prompt"), "as JSON")],
        ]
        let request = JSONMember.required(
            "request", .object([model, prompt] + generation.filter { $0.name != "prompt" }),
            "all members but the image, as JSON")
        return .any(of: prompts.map { .object([image] + $0 + members) } + [.object([image, request])])
    }()

    /// Texts that end a continuation before them.
    package static let stop = JSONSchema.any(of: [
        stopText, .array(of: stopText, count: 0...CaptionSpecification.stopCount),
    ]).described("ends the text before it")
    private static let stopText = JSONSchema.string(count: 1...CaptionSpecification.stopBytes)

    private static let knockout = JSONSchema.any(
        of: [images, inputs].map { pictures in
            .object([
                model, pictures, prompt,
                .required(
                    "variants", .array(of: .reference("Variant"), count: 1...KnockoutSpecification.maximumVariants)),
                .optional("measure", .reference("Measure")), seed, reuse, dryRun,
            ])
        })

    private static let patch = JSONSchema.object([
        model, .required("pairs", .array(of: .reference("Pair"), count: 1...JobInput.maximumCount)), prompt,
        .optional("site", .reference("Site"), default: "resid_in"),
        .optional("positions", .reference("Positions"), default: "eoi"),
        .optional("source_positions", .reference("Positions")),
        .optional("layers", .reference("Layers"), default: "each"),
        .optional("measure", .reference("Measure")),
        .optional("first_token", .bool, "of all pairs", default: false), seed, reuse, dryRun,
    ])

    private static let name = JSONMember.optional("name", .string(count: 1...200), "what people are to call it")
    private static func states(_ name: String, _ count: ClosedRange<Int>, _ text: String) -> JSONMember {
        .required(name, .array(of: .string(), count: count), text)
    }

    private static let state = JSONSchema.any(
        of: [
            [image], [.required("images", .array(of: InterventionSchemas.image, count: 1...StateRequest.maximumCount))],
        ].map {
            .object(
                [name, model] + $0 + [prompt] + InterventionSchemas.captureMembers
                    + [.optional("interventions", .reference("Interventions")), seed])
        } + [
            .object([name, states("mean", 1...StateRequest.maximumCount, "of these states")]),
            .object([name, states("sum", 1...StateRequest.maximumCount, "of these states")]),
            .object([name, states("difference", 2...2, "the first minus the second")]),
        ])
}
