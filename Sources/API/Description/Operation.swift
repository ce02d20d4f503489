import HTTPTypes
import Schemas
import StrictJSON

/// What one route takes and answers, for `/openapi.json` and `/docs`.
struct Operation: Sendable {
    /// A member of the path, the query or the header section.
    struct Parameter: Sendable {
        enum Place: String, Sendable { case path, query, header }

        let name: String
        let place: Place
        let schema: JSONSchema
        var example: JSONValue?
    }

    /// A form of content.
    struct Content: Sendable {
        let type: String
        var schema = JSONSchema.anything
        var example: JSONValue?
    }

    /// What comes back with one status.
    struct Answer: Sendable {
        let status: Int
        let description: String
        var contents: [Content] = []
    }

    /// Method and pattern as the route has them: `GET /v1/jobs/{id}`.
    let route: String
    /// What the route is about; the page has a chapter each.
    let subject: String
    let summary: String
    var access = Access.key
    var parameters: [Parameter] = []
    /// What it takes; one of these.
    var contents: [Content] = []
    var answers: [Answer]
    /// What a refusal is.
    var problems: [Content] = [Operation.problem]

    static let problem = Content(type: "application/problem+json", schema: .reference("Problem"))

    var method: String { String(route.prefix { $0 != " " }) }
    var pattern: String { String(route.drop { $0 != " " }.dropFirst()) }
    /// A name for programs: `get_v1_jobs_id`.
    var identifier: String {
        let words = route.lowercased().split { !($0.isLetter || $0.isNumber || $0 == "_") }
        return words.joined(separator: "_")
    }
}

extension Operation.Answer {
    static func json(_ status: Int, _ description: String, _ schema: JSONSchema) -> Self {
        Self(status: status, description: description, contents: [.init(type: "application/json", schema: schema)])
    }
}

extension Operation.Parameter {
    static func path(_ name: String, _ description: String, example: JSONValue) -> Self {
        Self(name: name, place: .path, schema: JSONSchema.string().described(description), example: example)
    }

    static func query(_ name: String, _ schema: JSONSchema, _ description: String = "") -> Self {
        Self(name: name, place: .query, schema: description.isEmpty ? schema : schema.described(description))
    }

    /// A new one for each request: one that is sent again with the same request makes no second job.
    static let idempotencyKey = Self(
        name: "Idempotency-Key", place: .header,
        schema: JSONSchema.string().described("the client's name for the job, to send the request again safely"))

    /// A preference is never refused: what is not understood means nothing (RFC 7240 §2).
    static let prefer = Self(
        name: "Prefer", place: .header,
        schema: JSONSchema.string().described("`respond-async`, `wait=N`; anything else means nothing"))
}
