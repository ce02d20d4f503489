import HTTPServer
import HTTPTypes
import Jobs
import Store
import StrictJSON

/// `/v1/results` and the results of one job: recorded cells, as JSON, page by page.
struct ResultEndpoints: Sendable {
    let store: Store

    /// `GET /v1/jobs/{id}/results?limit=&after=`
    @Sendable func ofJob(_ call: Routes.Call) async throws -> Response {
        let members = try call.request.target.members(integers: ["limit"])
        var query = try Self.page(members)
        try members.finish()
        let id = try await JobEndpoints.job(call, in: store).id
        query.job = id
        if let after = query.after, after.job != id {
            throw Problem(.invalidValue, field: "after", "\(after.job)/\(after.ordinal) is no row of job \(id)")
        }
        return Response(jsonText: ListAnswer.text(try await store.cells(query)))
    }

    /// `GET /v1/results?model=&kind=&variant=&layer=&site=&image=&job=&since=&until=&limit=&after=`
    @Sendable func search(_ call: Routes.Call) async throws -> Response {
        let members = try call.request.target.members(integers: ["limit", "layer"])
        var query = try Self.page(members)
        query.model = try members.optional("model")?.string()
        query.kind = try members.optional("kind").map { try JobEndpoints.choice($0, as: JobKind.self).rawValue }
        query.variant = try members.optional("variant")?.string()
        query.layer = try members.optional("layer")?.integer()
        query.site = try members.optional("site")?.string()
        if let field = members.optional("image") {
            let digest = try field.string()
            guard ContentDigest.isWellFormed(digest) else {
                throw field.invalid(
                    "\"\(digest.prefix(80))\" is no image id; ids are sha256: and 64 hexadecimal digits")
            }
            query.image = digest
        }
        if let field = members.optional("job") {
            let text = try field.string()
            guard let identifier = JobIdentifier(text) else {
                throw field.invalid("\"\(text.prefix(60))\" is no job id; ids have 26 letters and digits")
            }
            query.job = identifier.text
        }
        query.since = try members.optional("since").map { try Self.time($0) }
        query.until = try members.optional("until").map { try Self.time($0) }
        try members.finish()
        return Response(jsonText: ListAnswer.text(try await store.cells(query)))
    }

    private static func page(_ members: JSONFields) throws -> CellQuery {
        var query = CellQuery(limit: try Paging(members).limit)
        if let field = members.optional("after") { query.after = try cursor(field) }
        return query
    }

    /// A row's id, `JOB/ORDINAL`.
    private static func cursor(_ field: JSONField) throws -> CellQuery.Cursor {
        let text = try field.string()
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, let job = JobIdentifier(String(halves[0])), let ordinal = Int(halves[1]), ordinal >= 0
        else { throw field.invalid("\"\(text.prefix(60))\" is no row id; give the last_id of the page before") }
        return CellQuery.Cursor(job: job.text, ordinal: ordinal)
    }

    private static func time(_ field: JSONField) throws -> Timestamp {
        let text = try field.string()
        // A + that was not escaped has arrived as a space; before an offset there is no other.
        if let moment = Timestamp(text) ?? Timestamp(text.replacing(" ", with: "+")) { return moment }
        throw field.invalid("\"\(text.prefix(60))\" is no time; give one such as 2026-11-24T07:05:09Z (RFC 3339)")
    }
}
