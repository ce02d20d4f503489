import Jobs
import Models
import Schemas
import Store
import StrictJSON

/// What answers look like: members that are always there. There may be more.
enum AnswerSchemas {
    static let all: [(name: String, schema: JSONSchema)] = [
        ("Problem", problem), ("Job", job), ("JobList", list(of: "Job")), ("Image", image),
        ("ImageList", list(of: "Image")), ("State", state), ("StateList", list(of: "State")), ("Row", row),
        ("RowList", list(of: "Row")), ("Caption", caption), ("Plan", plan), ("Model", model),
        (
            "ModelList",
            .answer([.required("object", .constant("list")), .required("data", .array(of: .reference("Model")))])
        ),
        ("Verification", verification), ("LogitLensAnswer", logitLens), ("Key", .answer(keyMembers)),
        ("NewKey", .answer(keyMembers + [.required("key", .string(), "the key itself, here and nowhere else")])),
        ("KeyList", list(of: "Key")), ("KeyRequest", keyRequest), ("Capabilities", capabilities),
    ]

    private static let time = JSONSchema.string(format: "date-time")
    private static let words = JSONSchema.array(of: .string())
    private static let object = JSONSchema([("type", "object")])
    private static let count = JSONSchema([("type", "integer")])
    private static let number = JSONSchema.number()

    private static func list(of name: String) -> JSONSchema {
        .answer([
            .required("object", .constant("list")), .required("data", .array(of: .reference(name))),
            .required("has_more", .bool), .nullable("last_id", .string(), "give it as `after` for the next page"),
        ])
    }

    private static let problem = JSONSchema.answer([
        .required("type", .string(), "the address of a page about it"), .required("title", .string()),
        .required("status", count), .required("detail", .string(), "what was wrong and what would be right"),
        .nullable("instance", .string()), .nullable("field", .string(), "as the request spelled it"),
        .required(
            "error", error, "the same, where OpenAI's clients look for it"),
    ]).described("RFC 9457")

    static let error = JSONSchema.answer([
        .required("message", .string()), .required("type", .string()), .nullable("param", .string()),
        .required("code", .choice(ProblemCode.allCases.map(\.rawValue))),
    ])

    private static let job = JSONSchema.answer([
        .required("id", .string()), .required("object", .constant("job")), .required("kind", .choice(JobKind.self)),
        .required("model", .string()), .required("status", .choice(JobStatus.self)), .required("attempt", count),
        .required("created_at", time), .nullable("started_at", time), .nullable("ended_at", time),
        .required(
            "progress",
            .answer([
                .required("done", count), .required("failed", count), .required("total", count),
                .nullable("eta_seconds", number),
            ])),
        .required("request", object, "as accepted, defaults filled in"), .nullable("summary", object),
        .nullable("error", object), .required("links", object),
    ])

    private static let image = JSONSchema.answer([
        .required("id", .string()), .required("object", .constant("image")),
        .required("format", .choice(["png", "jpeg"])), .required("width", count), .required("height", count),
        .required("bytes", count), .required("created_at", time),
    ])

    private static let state = JSONSchema.answer([
        .required("id", .string()), .required("object", .constant("state")), .nullable("name", .string()),
        .nullable("model", .string()), .nullable("site", .string()), .nullable("layers", .array(of: count)),
        .required("shape", .array(of: count), "layers, positions, width"), .required("bytes", count),
        .required("origin", object), .required("created_at", time),
    ])

    private static let row = JSONSchema.answer([
        .required("id", .string()), .required("job", .string()), .required("kind", .choice(JobKind.self)),
        .required("status", .choice(["ok", "failed"])), .nullable("error", object), .required("provenance", object),
    ])

    private static let caption = JSONSchema.answer([
        .required("id", .string()), .required("object", .constant("caption")), .required("model", .string()),
        .required("image", .string()), .required("prompt", object), .required("caption", .string()),
        .required("tokens", .array(of: object)), .required("finish_reason", .string()), .required("usage", object),
        .nullable("receipt", object), .required("seconds", number), .required("provenance", object),
    ])

    private static let plan = JSONSchema.answer([
        .required("object", .constant("plan")), .required("cells", count), .required("clean_runs", count),
        .required("token_layers", object), .nullable("estimated_seconds", number), .required("peak_bytes", count),
        .required("resident_bytes", count), .required("result_bytes", count), .required("inputs", .array(of: object)),
    ])

    private static let model = JSONSchema.answer([
        .required("id", .string()), .required("object", .constant("model")), .required("created", count),
        .required("owned_by", .string()), .nullable("family", .string()),
    ])

    private static let verification = JSONSchema.answer([
        .required("object", .constant("verification")), .required("result", .string()), .required("equal", .bool),
        .required("difference_count", count),
    ])

    private static let logitLens = JSONSchema.answer([
        .required("object", .constant("logit_lens")), .required("state", .string()), .required("model", .string()),
        .nullable("site", .string()), .required("rows", .array(of: object)),
    ])

    private static let limit = JSONSchema.integer(in: KeyRequest.range)
    private static let limits: [JSONMember] = [
        .optional("jobs", limit, "unfinished jobs"), .optional("cells", limit, "cells that wait to be computed"),
        .optional("requests_per_minute", limit), .optional("bytes", limit, "of pictures and states"),
    ]
    private static let keyMembers: [JSONMember] = [
        .required("id", .string()), .required("object", .constant("key")), .required("name", .string()),
        .required("admin", .bool), .required("limits", .answer(limits)), .required("created_at", time),
        .nullable("revoked_at", time),
    ]
    private static let keyRequest = JSONSchema.object([
        .required("name", .string(count: 1...200), "whose it is"),
        .optional("admin", .bool, "sees everything, makes keys", default: false),
        .optional("limits", .object(limits), "no limits, if left out"),
    ])

    private static let capabilities = JSONSchema.answer([
        .required("object", .constant("capabilities")), .required("versions", .map(of: .string())),
        .required("threads", count), .required("models", .array(of: .reference("Model"))),
        .nullable("default_model", .string()), .required("kinds", words), .required("sites", words),
        .required("roles", words), .required("modes", words), .required("variants", words),
        .required("number_formats", words), .required("result_formats", words), .required("limits", .map(of: count)),
    ])
}
