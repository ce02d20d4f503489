import HTTPServer
import HTTPTypes
import Jobs
import Models
import Store
import StrictJSON

/// `POST /v1/captions`, `/v1/knockouts` and `/v1/patches`: requests that become jobs, or an answer at once.
struct SubmissionEndpoints: Sendable {
    let jobs: JobService
    let closing: Closing
    let captionStream: CaptionStream

    @Sendable func knockout(_ call: Routes.Call) async throws -> Response { try await submit(.knockout, call) }

    @Sendable func patch(_ call: Routes.Call) async throws -> Response { try await submit(.patch, call) }

    private func submit(_ kind: JobKind, _ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        let submission = try read(kind, try call.request.jsonMembers())
        return try await answer(submission, to: call)
    }

    @Sendable func caption(_ call: Routes.Call) async throws -> Response {
        switch try CaptionContent(call.request) {
        case .json(let members):
            try call.request.target.members().finish()
            return try await answer(try read(.caption, members), to: call)
        case .picture(let file, let items, let request):
            do {
                var object = try CaptionForm(items, image: try ContentDigest.of(file)).object
                if let request { object = try Self.merge(request, into: object) }
                return try await answer(try read(.caption, JSONFields(object)), to: call, files: [file])
            } catch {
                guard let problem = Problem(error) else { throw error }
                throw problem.renamingField(CaptionForm.spelling)
            }
        }
    }

    /// A form's part `request` brings the members, the part `image` the picture.
    private static func merge(_ request: JSONObject, into object: JSONObject) throws(Problem) -> JSONObject {
        var merged = object
        for (name, value) in request.members {
            guard merged[name] == nil else {
                throw Problem(.wrongType, field: name, "is given twice: in the part request and as a part")
            }
            merged[name] = value
        }
        return merged
    }

    // MARK: Reading

    /// A request that was read but not yet checked against a model.
    private struct Submission: Sendable {
        let specification: JobSpecification
        let isDryRun: Bool
    }

    private func read(_ kind: JobKind, _ members: JSONFields) throws(JSONError) -> Submission {
        let specification = try JobSpecification(kind, members, defaultModel: jobs.models.defaultName ?? "")
        let isDryRun = try members.optional("dry_run")?.bool() ?? false
        try members.finish()
        return Submission(specification: specification, isDryRun: isDryRun)
    }

    // MARK: Answering

    /// - Parameter files: pictures that came beside the request's members.
    private func answer(
        _ submission: Submission, to call: Routes.Call, files: [[UInt8]] = []
    ) async throws -> Response {
        let request = call.request
        let preferences = Preferences(request.headerFields)
        let key = try IdempotencyKey(request, owner: call.key)
        if let key, let job = try await jobs.store.job(madeBy: key) {
            return try await answer(job, preferences)
        }
        _ = try await jobs.loadedModel(submission.specification.model)
        if submission.isDryRun {
            let plan = try await jobs.plan(
                submission.specification, pictures: .examineOnly, files: files, key: call.key)
            return Response(json: try await jobs.dryRun(plan))
        }
        let plan = try await jobs.plan(submission.specification, files: files, key: call.key)
        if case .caption(let caption) = submission.specification, caption.isSingle,
            !preferences.respondsAsynchronously
        {
            if CaptionStream.isWanted(by: request) { return try await captionStream.response(to: request, plan) }
            return Response(json: try await jobs.caption(plan))
        }
        return try await answer(try await jobs.submit(plan, idempotencyKey: key), preferences)
    }

    /// The answer to a request that has made a job.
    private func answer(_ submitted: JobRecord, _ preferences: Preferences) async throws -> Response {
        var job = submitted
        if let seconds = preferences.wait { job = try await jobs.job(job, waitingFor: seconds, unless: closing) }
        var fields = Preferences.applied(
            asynchronous: preferences.respondsAsynchronously, wait: preferences.wait)
        fields[.location] = JobAnswer.path(of: job.id)
        let answer = JobAnswer(job, etaSeconds: await jobs.queue.etaSeconds(of: job.id))
        return Response(.accepted, json: answer.json, headerFields: fields)
    }
}

extension JobService {
    /// The loaded model; what keeps it from being loaded is the server's fault, not the request's.
    ///
    /// - throws: `UnknownModel`, ``ModelUnavailable``.
    func loadedModel(_ name: String) async throws -> VisionLanguageModel {
        do {
            return try await models.model(name)
        } catch let error as UnknownModel {
            throw error
        } catch {
            try Task.checkCancellation()
            throw ModelUnavailable(name: name, cause: error)
        }
    }

    /// The job as it is when it has ended, the time is over, or the server is stopped, whichever comes first.
    func job(_ job: JobRecord, waitingFor seconds: Int, unless closing: Closing) async throws -> JobRecord {
        guard seconds > 0, !job.status.isEnded else { return job }
        let queue = queue
        let ended = try await closing.orStopped {
            try await queue.wait(for: job.id, timeout: .seconds(seconds))
        }
        return ended ?? job
    }
}
