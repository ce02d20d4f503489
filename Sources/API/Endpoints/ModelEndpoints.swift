import HTTPServer
import HTTPTypes
import Jobs
import StrictJSON

/// `/v1/models`: what is served.
struct ModelEndpoints: Sendable {
    let jobs: JobService

    /// `GET /v1/models`, in OpenAI's shape.
    @Sendable func list(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        return Response(json: ["object": "list", "data": .array(jobs.models.entries.map { ModelAnswer.json($0) })])
    }

    /// `GET /v1/models/{id}`: everything about one; loads it if need be.
    @Sendable func model(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        let model = try await jobs.loadedModel(call.parameters["id"] ?? "")
        // A fingerprint may take minutes of reading the first time: not on a thread that other requests need.
        let answer = try await Task.detached(priority: .utility) { try ModelAnswer.json(model) }.value
        return Response(json: answer)
    }
}
