import Interventions
import Jobs
import Models
import Schemas
import Store
import StrictJSON

/// Every operation, described. A test compares the list with the routes, the members with what the readers know, and sends
/// the examples.
enum Interface {
    static let operations: [Operation] = Array(
        [pictures, submissions, [chat], jobs, results, states, others].joined())

    /// Every schema that a `$ref` may name.
    static let schemas = SpecificationSchemas.all + ChatSchemas.all + AnswerSchemas.all

    // The shipped pictures white-cross.png and pink-square.png.
    static let cross: JSONValue = "sha256:c728718918f7f21d58d87702ae45579ce0a86433e2a1631666d79335a1400db2"
    private static let square: JSONValue = "sha256:a2cdd790934ca17c9e2a95247165f851a6defcc5f8508d684596b726b218a319"
    private static let someJob: JSONValue = "01M86DF6NT75MJ31B1767QG5FC"
    private static let someState: JSONValue =
        "sha256:241cc5db192a73fc77785c5312ec0f1903e76a23f0102d923f13b337a31e5096"

    private static let file = JSONSchema([("type", "string"), ("format", "binary")])
    private static let paging: [Operation.Parameter] = [
        .query("limit", JSONSchema.integer(in: Paging.range).defaulting(to: .integer(Paging.usual))),
        .query("after", .string(), "the `last_id` of the page before"),
    ]

    static func body(_ schema: String, example: JSONValue) -> Operation.Content {
        .init(type: "application/json", schema: .reference(schema), example: example)
    }

    // MARK: Pictures

    private static let pictures: [Operation] = [
        Operation(
            route: "POST /v1/images", subject: "Pictures", summary: "Stores a picture, or finds it there.",
            contents: [
                .init(type: "image/png"), .init(type: "image/jpeg"), .init(type: "application/octet-stream"),
                .init(type: "multipart/form-data", schema: .object([.required("image", file)])),
            ],
            answers: [.json(201, "Its record; `Location` has its address.", .reference("Image"))]),
        Operation(
            route: "GET /v1/images", subject: "Pictures", summary: "Lists pictures, the newest first.",
            parameters: paging, answers: [.json(200, "A page.", .reference("ImageList"))]),
        Operation(
            route: "GET /v1/images/{id}", subject: "Pictures",
            summary: "The file; with `Accept: application/json` its record.",
            parameters: [.path("id", "the picture's digest", example: cross)],
            answers: [
                .init(
                    status: 200, description: "The picture.",
                    contents: [
                        .init(type: "image/png"), .init(type: "image/jpeg"),
                        .init(type: "application/json", schema: .reference("Image")),
                    ])
            ] + partial(["image/png", "image/jpeg"])),
        Operation(
            route: "DELETE /v1/images/{id}", subject: "Pictures", summary: "Deletes a picture that no job names.",
            parameters: [.path("id", "the picture's digest", example: cross)],
            answers: [.init(status: 204, description: "It is gone.")]),
    ]

    /// What ranges and conditions may be answered with.
    private static func partial(_ types: [String]) -> [Operation.Answer] {
        [
            .init(status: 206, description: "A part of it (`Range`).", contents: types.map { .init(type: $0) }),
            .init(status: 304, description: "As the client has it (`If-None-Match`)."),
        ]
    }

    // MARK: Submissions

    private static let submissions: [Operation] = [
        Operation(
            route: "POST /v1/captions", subject: "Captions and jobs",
            summary:
                "A caption, at once or token by token; of several pictures, or with `Prefer: respond-async`, a job.",
            parameters: [.prefer, .idempotencyKey],
            contents: [
                body(
                    "CaptionRequest",
                    example: [
                        "image": cross, "max_tokens": 5,
                        "interventions": ["knockouts": [["queries": "text", "keys": "eoi"]]],
                    ]),
                .init(
                    type: "multipart/form-data",
                    schema: SpecificationSchemas.captionForm.described(
                        "the picture, and the members of the JSON form as parts or in one part `request`")),
                .init(type: "image/png"), .init(type: "image/jpeg"),
            ],
            answers: [
                .init(
                    status: 200, description: "The caption, or of a dry run the plan.",
                    contents: [
                        .init(
                            type: "application/json",
                            schema: .any(of: [.reference("Caption"), .reference("Plan")])),
                        .init(type: "text/event-stream"),
                    ]),
                .json(202, "A job.", .reference("Job")),
            ]),
        submission(
            "POST /v1/knockouts", "A job: pictures × variants of cut attention.", "KnockoutRequest",
            example: ["images": [cross], "variants": ["eoi"], "measure": ["caption": false]]),
        submission(
            "POST /v1/patches", "A job: pairs of pictures × layers.", "PatchRequest",
            example: ["pairs": [["base": cross, "source": square]], "layers": ["each_of": [0, 1]]]),
    ]

    private static func submission(
        _ route: String, _ summary: String, _ schema: String, example: JSONValue
    ) -> Operation {
        Operation(
            route: route, subject: "Captions and jobs", summary: summary, parameters: [.prefer, .idempotencyKey],
            contents: [body(schema, example: example)],
            answers: [
                .json(200, "Of a dry run, the plan.", .reference("Plan")),
                .json(202, "The job; `Location` has its address.", .reference("Job")),
            ])
    }

    // MARK: Jobs

    private static let jobID = Operation.Parameter.path("id", "the job's id", example: someJob)

    private static let jobs: [Operation] = [
        Operation(
            route: "GET /v1/jobs", subject: "Captions and jobs", summary: "Lists jobs, the newest first.",
            parameters: [
                .query("status", .choice(JobStatus.self)), .query("kind", .choice(JobKind.self)),
                .query("model", .string()),
            ] + paging, answers: [.json(200, "A page.", .reference("JobList"))]),
        Operation(
            route: "GET /v1/jobs/{id}", subject: "Captions and jobs",
            summary: "A job; with `Prefer: wait=N` once it has ended, or after N seconds.",
            parameters: [jobID, .prefer], answers: [.json(200, "The job.", .reference("Job"))]),
        Operation(
            route: "DELETE /v1/jobs/{id}", subject: "Captions and jobs",
            summary: "Deletes a job that has ended, with its rows.", parameters: [jobID],
            answers: [.init(status: 204, description: "It is gone.")]),
        Operation(
            route: "POST /v1/jobs/{id}/cancel", subject: "Captions and jobs", summary: "Stops a job at its next layer.",
            parameters: [jobID], answers: [.json(202, "The job.", .reference("Job"))]),
        Operation(
            route: "GET /v1/jobs/{id}/events", subject: "Captions and jobs",
            summary: "What happens to a job, as server-sent events: `state`, `progress`, `cell`.",
            parameters: [jobID],
            answers: [
                .init(
                    status: 200, description: "Events, until the job has ended.",
                    contents: [.init(type: "text/event-stream")])
            ]),
    ]

    // MARK: Results

    private static let rows = Operation.Answer(
        status: 200, description: "A page of JSON; or all rows, as NDJSON or CSV.",
        contents: [
            .init(type: "application/json", schema: .reference("RowList")), .init(type: "application/x-ndjson"),
            .init(type: "text/csv"),
        ])
    private static let format = Operation.Parameter.query("format", .choice(ResultFormat.self), "or by `Accept`")

    private static let results: [Operation] = [
        Operation(
            route: "GET /v1/jobs/{id}/results", subject: "Results", summary: "The recorded cells of one job.",
            parameters: [
                jobID, format,
                .query(
                    "follow", .choice(["true", "false"]),
                    "as NDJSON: rows that are yet to come, too, until the job has ended"),
            ] + paging, answers: [rows]),
        Operation(
            route: "GET /v1/results", subject: "Results", summary: "Recorded cells across jobs.",
            parameters: [
                .query("model", .string()), .query("kind", .choice(JobKind.self)), .query("variant", .string()),
                .query("layer", .integer()), .query("site", .string()), .query("image", .string(), "a digest"),
                .query("job", .string()), .query("since", .string(format: "date-time")),
                .query("until", .string(format: "date-time")), format,
            ] + paging, answers: [rows]),
        Operation(
            route: "POST /v1/verify", subject: "Results", summary: "Computes a recorded cell again and compares.",
            contents: [
                .init(
                    type: "application/json",
                    schema: .object([.required("result", .string(), "a row's id: a job's id, a slash, a number")]),
                    example: ["result": "01M86DF6NT75MJ31B1767QG5FC/0"])
            ], answers: [.json(200, "What differs.", .reference("Verification"))]),
    ]

    // MARK: States

    private static let stateID = Operation.Parameter.path("id", "the state's digest", example: someState)
    private static let stateTypes = ["application/x-npy", "application/x-safetensors"]

    private static let states: [Operation] = [
        Operation(
            route: "POST /v1/states", subject: "States",
            summary: "Keeps activations: taken from runs, combined, or brought as a file.",
            parameters: [],
            contents: [
                body(
                    "StateRequest",
                    example: ["image": cross, "site": "resid_out", "layers": [0], "positions": "eoi"])
            ],
            answers: [.json(201, "Its record; `Location` has its address.", .reference("State"))]),
        Operation(
            route: "GET /v1/states", subject: "States", summary: "Lists states, the newest first.",
            parameters: [.query("name", .string()), .query("model", .string()), .query("site", .string())] + paging,
            answers: [.json(200, "A page.", .reference("StateList"))]),
        Operation(
            route: "GET /v1/states/{id}", subject: "States", summary: "The numbers, or the record.",
            parameters: [stateID, .query("format", .choice(StateForm.self), "or by `Accept`")],
            answers: [
                .init(
                    status: 200, description: "The state.",
                    contents: stateTypes.map { .init(type: $0) }
                        + [.init(type: "application/json", schema: .reference("State"))])
            ] + partial(stateTypes)),
        Operation(
            route: "GET /v1/states/{id}/logit_lens", subject: "States", summary: "The state read as tokens.",
            parameters: [
                stateID, .query("model", .string()), .query("top", .integer(in: Measurements.LogitLens.topRange)),
            ], answers: [.json(200, "The likeliest tokens.", .reference("LogitLensAnswer"))]),
        Operation(
            route: "DELETE /v1/states/{id}", subject: "States", summary: "Deletes a state.", parameters: [stateID],
            answers: [.init(status: 204, description: "It is gone.")]),
    ]
}
