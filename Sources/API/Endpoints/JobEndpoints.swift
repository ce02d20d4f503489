import HTTPServer
import HTTPTypes
import Jobs
import Store
import StrictJSON

/// `/v1/jobs`: what was asked for, and how far it is.
struct JobEndpoints: Sendable {
    let jobs: JobService
    let closing: Closing

    /// A list of jobs ends early at this size, because a request may be megabytes long.
    private static let listBytes = 8 << 20

    /// `GET /v1/jobs?status=&kind=&model=&limit=&after=`: the newest first.
    @Sendable func list(_ call: Routes.Call) async throws -> Response {
        let members = try call.request.target.members(integers: ["limit"])
        let paging = try Paging(members)
        var query = JobQuery()
        query.status = try members.optional("status").map { try Self.choice($0) }
        query.kind = try members.optional("kind").map { try Self.choice($0, as: JobKind.self).rawValue }
        query.model = try members.optional("model")?.string()
        query.after = paging.after
        query.key = call.key?.scope
        try members.finish()

        var data: [JSONValue] = []
        var bytes = 0
        var hasMore = true
        while hasMore, data.count < paging.limit, bytes < Self.listBytes {
            query.limit = min(10, paging.limit - data.count)
            let page = try await jobs.store.jobs(query)
            for job in page.elements {
                bytes += job.request.utf8.count
                data.append(await answer(job))
            }
            query.after = page.elements.last?.id ?? query.after
            hasMore = page.hasMore
        }
        let last = data.isEmpty ? nil : query.after
        return Response(
            json: ListAnswer.json(data, hasMore: hasMore, lastID: last),
            headerFields: NextPage.fields(call.request.target, after: hasMore ? last : nil))
    }

    /// `GET /v1/jobs/{id}`; with `Prefer: wait=N` once it has ended, or after N seconds.
    @Sendable func job(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        var job = try await Self.job(call, in: jobs.store)
        let preferences = Preferences(call.request.headerFields)
        if let seconds = preferences.wait { job = try await jobs.job(job, waitingFor: seconds, unless: closing) }
        return Response(json: await answer(job), headerFields: Preferences.applied(wait: preferences.wait))
    }

    /// `POST /v1/jobs/{id}/cancel`.
    @Sendable func cancel(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        let job = try await jobs.queue.cancel(try Self.identifier(in: call))
        return Response(
            .accepted, json: await answer(job), headerFields: [.location: JobAnswer.path(of: job.id)])
    }

    /// `DELETE /v1/jobs/{id}`: a job that has ended, with its rows.
    @Sendable func delete(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        try await jobs.store.deleteJob(try Self.identifier(in: call))
        return Response(status: .noContent)
    }

    private func answer(_ job: JobRecord) async -> JSONValue {
        JobAnswer(job, etaSeconds: await jobs.queue.etaSeconds(of: job.id)).json
    }

    /// The job's id as the path has it, in its canonical spelling.
    ///
    /// - throws: `StoreError.unknownJob` for what can be no id.
    static func identifier(in call: Routes.Call) throws(StoreError) -> String {
        let text = call.parameters["id"] ?? ""
        guard let identifier = JobIdentifier(text) else { throw .unknownJob(String(text.prefix(80))) }
        return identifier.text
    }

    /// The job that the path names.
    static func job(_ call: Routes.Call, in store: Store) async throws -> JobRecord {
        let id = try identifier(in: call)
        guard let job = try await store.job(id) else { throw StoreError.unknownJob(id) }
        return job
    }

    /// One of the names that a type's values have.
    static func choice<Choice: RawRepresentable & CaseIterable>(
        _ field: JSONField, as type: Choice.Type = Choice.self
    ) throws(JSONError) -> Choice where Choice.RawValue == String {
        let text = try field.string()
        guard let choice = Choice(rawValue: text) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw field.invalid("\"\(text.prefix(60))\" is none of \(known)")
        }
        return choice
    }
}
