import Metrics
import Schemas
import StrictJSON

extension Interface {
    private static let markdown = Operation.Content(type: "text/markdown; charset=utf-8")

    /// Models, keys, and what the server says of itself.
    static let others: [Operation] = [
        Operation(
            route: "GET /v1/models", subject: "The server", summary: "What is served, in OpenAI's shape.",
            answers: [.json(200, "All of them.", .reference("ModelList"))], problems: [openAIProblem]),
        Operation(
            route: "GET /v1/models/{id}", subject: "The server", summary: "Everything about one model.",
            parameters: [.path("id", "the model's name", example: "gate")],
            answers: [.json(200, "The model.", .reference("Model"))], problems: [openAIProblem]),
        Operation(
            route: "GET /v1/capabilities", subject: "The server",
            summary: "Models, sites, roles, modes, limits and versions.",
            answers: [.json(200, "What this server can do.", .reference("Capabilities"))]),
        Operation(
            route: "POST /v1/keys", subject: "Keys", summary: "Makes a key.", access: .admin,
            contents: [
                .init(type: "application/json", schema: .reference("KeyRequest"), example: ["name": "lab"])
            ], answers: [.json(201, "The key, this once.", .reference("NewKey"))]),
        Operation(
            route: "GET /v1/keys", subject: "Keys", summary: "Lists keys, without their texts.", access: .admin,
            answers: [.json(200, "All there ever were.", .reference("KeyList"))]),
        Operation(
            route: "DELETE /v1/keys/{id}", subject: "Keys", summary: "Revokes a key, at once.", access: .admin,
            parameters: [.path("id", "the key's id", example: "1f2e3d4c")],
            answers: [.json(200, "The key.", .reference("Key"))]),
        Operation(
            route: "GET /livez", subject: "The server", summary: "The process runs and its loop turns.", access: .open,
            answers: [.json(200, "It is alive.", status("alive"))]),
        Operation(
            route: "GET /readyz", subject: "The server",
            summary: "The store answers, the default model is loaded and computes.", access: .open,
            answers: [.json(200, "It is ready.", status("ready"))]),
        Operation(
            route: "GET /metrics", subject: "The server", summary: "What Prometheus reads.", access: .admin,
            answers: [
                .init(status: 200, description: "Its text format.", contents: [.init(type: MetricsText.contentType)])
            ]),
        Operation(
            route: "GET /openapi.json", subject: "The server", summary: "This description.", access: .open,
            answers: [.json(200, "OpenAPI 3.1.", JSONSchema([("type", "object")]))]),
        Operation(
            route: "GET /docs", subject: "The server", summary: "This description, for people.", access: .open,
            answers: [
                .init(status: 200, description: "A page.", contents: [.init(type: "text/html; charset=utf-8")])
            ]),
        Operation(
            route: "GET /docs/errors", subject: "The server", summary: "Lists the pages about problems.", access: .open,
            answers: [.init(status: 200, description: "A list, in Markdown.", contents: [markdown])]),
        Operation(
            route: "GET /docs/errors/{slug}", subject: "The server", summary: "What the `type` of a problem leads to.",
            access: .open,
            parameters: [.path("slug", "the problem's name", example: "unknown-role")],
            answers: [.init(status: 200, description: "A page, in Markdown.", contents: [markdown])]),
    ]

    private static func status(_ word: String) -> JSONSchema { .answer([.required("status", .constant(word))]) }
}
