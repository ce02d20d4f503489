import HTTPServer
import HTTPTypes
import Jobs
import Store
import StrictJSON

/// `POST /v1/verify {"result": "JOB/N"}`: a stored row against the same cell computed again.
struct VerificationEndpoints: Sendable {
    let jobs: JobService

    @Sendable func verify(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        let members = try call.request.jsonMembers()
        let field = try members.required("result")
        let text = try field.string()
        try members.finish()
        guard let result = ResultIdentifier(text) else {
            throw field.invalid("\"\(text.prefix(60))\" is no row id; ids are a job's id, a slash and a number")
        }
        if let scope = call.key?.scope, try await !jobs.store.holds(scope, .job(result.job.text)) {
            throw Problem(.unknownResult, field: "result", "there is no row \(text)")
        }
        if let job = try await jobs.store.job(result.job.text) {
            do { _ = try await jobs.loadedModel(job.model) } catch let error as UnknownModel {
                throw Problem(.unknownModel, field: "result", "its job's model is not served: \(error)")
            }
        }
        return Response(json: try await jobs.verify(result).json)
    }
}
