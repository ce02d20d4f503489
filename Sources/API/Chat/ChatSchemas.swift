import Interventions
import Jobs
import Schemas
import StrictJSON

/// What ``ChatRequest`` and ``ChatMessage`` read and ``ChatCompletion`` answers.
enum ChatSchemas {
    /// By the name under which others refer to it.
    static let all: [(name: String, schema: JSONSchema)] = [
        ("ChatRequest", request), ("ChatMessage", message), ("ChatCompletion", completion), ("ChatProblem", problem),
    ]

    private static let count = JSONSchema([("type", "integer")])
    private static let object = JSONSchema([("type", "object")])

    private static let request = JSONSchema.object(
        members + ignored(NeutralMember.meaningless) + neutral(NeutralMember.neutral))

    private static let messages = JSONSchema([
        ("type", "array"), ("items", JSONSchema.reference("ChatMessage").json), ("minItems", 1),
    ])

    private static let streamOptions = JSONSchema.object([
        .optional("include_usage", .bool), .optional("include_obfuscation", .anything),
    ])

    private static let members: [JSONMember] = [
        .optional("model", .string(), "the server's default where it is left out"),
        .required("messages", messages, "with one picture"),
        .optional("n", .integer(in: ChatRequest.countRange), default: 1),
        .optional("stream", .bool, default: false),
        .optional("stream_options", streamOptions, "with `stream`"),
        .optional(
            "max_completion_tokens", .integer(in: Measure.tokenRange), default: .integer(ChatRequest.usualTokens)),
        .optional("max_tokens", .integer(in: Measure.tokenRange), "the same by its old name"),
        .optional("logprobs", .bool, default: false),
        .optional("top_logprobs", .integer(in: ChatRequest.topRange), "with `logprobs`"),
        .optional("temperature", .number(in: 0...100), "0 takes the likeliest token", default: 0),
        .optional("top_p", .number(in: 0...1, above: 0), default: 1),
        .optional("seed", .integer(), default: 0), .optional("stop", SpecificationSchemas.stop),
        .optional("interventions", .reference("Interventions"), "beside OpenAI's members"),
        .optional("receipt", .choice(["none", "brief", "full"]), default: "brief"),
    ]

    /// Members that are taken with any value.
    private static func ignored(_ names: [String]) -> [JSONMember] {
        names.map { JSONMember.optional($0, .anything, "means nothing here") }
    }

    /// Members that are taken with the values that ask for nothing.
    private static func neutral(_ members: [String: [JSONValue]]) -> [JSONMember] {
        members.sorted { $0.key < $1.key }.map { name, values in
            let nothing = values.isEmpty ? ("const", JSONValue.null) : ("enum", JSONValue.array(values))
            return JSONMember.optional(name, JSONSchema([nothing]), "not done here")
        }
    }

    private static let text = JSONSchema.object([.required("type", .constant("text")), .required("text", .string())])
    private static let picture = JSONSchema.object([
        .required("type", .constant("image_url")),
        .required(
            "image_url",
            .object([
                .required("url", InterventionSchemas.image), .optional("detail", .anything, "means nothing here"),
            ])),
    ])
    private static let content = JSONSchema.any(of: [.string(), .array(of: .any(of: [text, picture]))])

    private static let message = JSONSchema.any(of: [
        .object([.required("role", .choice(asking)), .required("content", content)] + returned),
        .object([.required("role", .constant("assistant")), .optional("content", content)] + returned),
    ])
    private static let asking = ChatMessage.Role.allCases.filter { $0 != .assistant }.map(\.rawValue)

    /// What clients that send an answer back send with it.
    private static let returned: [JSONMember] =
        ignored(["name", "annotations", "refusal"]) + neutral(ChatMessage.neutral)

    private static let completion = JSONSchema.answer([
        .required("id", .string()), .required("object", .constant("chat.completion")), .required("created", count),
        .required("model", .string()), .required("system_fingerprint", .string()),
        .required(
            "choices",
            .array(
                of: .answer([
                    .required("index", count), .required("message", object), .nullable("logprobs", object),
                    .required("finish_reason", .string()), .required("job", .string(), "its caption's"),
                    .nullable("receipt", object),
                ]))),
        .required("usage", object), .required("provenance", object),
    ])

    private static let problem = JSONSchema.answer([.required("error", AnswerSchemas.error)])
        .described("OpenAI's envelope")
}
