import HTTPServer
import HTTPTypes
import Jobs
import Store
import StrictJSON

/// `/v1/results` and the results of one job: recorded cells, as pages of JSON, or all of them as NDJSON or CSV.
struct ResultEndpoints: Sendable {
    let jobs: JobService
    let closing: Closing

    private var store: Store { jobs.store }

    /// A page of JSON ends early at this size, because a row may be megabytes long.
    private static let pageBytes = 16 << 20

    /// What both lists are asked with.
    private struct Listing {
        var query: CellQuery
        let format: ResultFormat
        /// `nil` where a stream is to have everything.
        let limit: Int?
    }

    /// `GET /v1/jobs/{id}/results?limit=&after=&format=&follow=`
    @Sendable func ofJob(_ call: Routes.Call) async throws -> Response {
        let members = try call.request.target.members(integers: ["limit"])
        var listing = try Self.listing(members, call)
        let follows = try Self.follows(members, listing.format)
        try members.finish()
        let id = try await JobEndpoints.job(call, in: store).id
        listing.query.job = id
        if let after = listing.query.after, after.job != id {
            throw Problem(.invalidValue, field: "after", "\(after.job)/\(after.ordinal) is no row of job \(id)")
        }
        if follows { return follow(listing, job: id) }
        return try await answer(listing, call, name: id)
    }

    /// `GET /v1/results?model=&kind=&variant=&layer=&site=&image=&job=&since=&until=&limit=&after=&format=`
    @Sendable func search(_ call: Routes.Call) async throws -> Response {
        let members = try call.request.target.members(integers: ["limit", "layer"])
        var listing = try Self.listing(members, call)
        try Self.read(members, into: &listing.query)
        listing.query.key = call.key?.scope
        try members.finish()
        return try await answer(listing, call, name: "results")
    }

    // MARK: Reading

    private static func listing(_ members: JSONFields, _ call: Routes.Call) throws -> Listing {
        let format = try ResultFormat(members.optional("format"), call.request.headerFields)
        var query = CellQuery()
        if let field = members.optional("after") { query.after = try cursor(field) }
        let field = members.optional("limit")
        guard format == .json else {
            return Listing(query: query, format: format, limit: try field?.integer(in: 1...Int(Int32.max)))
        }
        let limit = try field?.integer(in: Paging.range) ?? Paging.usual
        query.limit = limit
        return Listing(query: query, format: format, limit: limit)
    }

    /// `follow=true`: the rows of a job while it runs, which only a stream of lines can have.
    private static func follows(_ members: JSONFields, _ format: ResultFormat) throws -> Bool {
        guard let field = members.optional("follow") else { return false }
        guard let follows = ["true": true, "false": false][try field.string()] else {
            throw field.invalid("give true or false")
        }
        guard !follows || format == .ndjson else {
            throw field.invalid("goes with format=ndjson, or Accept: application/x-ndjson")
        }
        return follows
    }

    private static func read(_ members: JSONFields, into query: inout CellQuery) throws {
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
        query.since = try members.optional("since").map { try time($0) }
        query.until = try members.optional("until").map { try time($0) }
    }

    /// A row's id, `JOB/ORDINAL`.
    private static func cursor(_ field: JSONField) throws -> CellQuery.Cursor {
        let text = try field.string()
        guard let row = ResultIdentifier(text) else {
            throw field.invalid("\"\(text.prefix(60))\" is no row id; give the last_id of the page before")
        }
        return CellQuery.Cursor(job: row.job.text, ordinal: row.ordinal)
    }

    private static func time(_ field: JSONField) throws -> Timestamp {
        let text = try field.string()
        // A + that was not escaped has arrived as a space; before an offset there is no other.
        if let moment = Timestamp(text) ?? Timestamp(text.replacing(" ", with: "+")) { return moment }
        throw field.invalid("\"\(text.prefix(60))\" is no time; give one such as 2026-11-24T07:05:09Z (RFC 3339)")
    }

    // MARK: Answering

    private func answer(_ listing: Listing, _ call: Routes.Call, name: String) async throws -> Response {
        guard listing.format == .json else { return try await stream(listing, call, name: name) }
        let page = try await store.documents(listing.query, bytes: Self.pageBytes)
        var fields = NextPage.fields(call.request.target, after: page.hasMore ? page.elements.last?.id : nil)
        fields[.vary] = "Accept"
        return Response(jsonText: ListAnswer.text(page), headerFields: fields)
    }

    /// The rows that are recorded, and then each that is recorded, until the job has ended.
    private func follow(_ listing: Listing, job: String) -> Response {
        let (store, watch) = (store, JobWatch(queue: jobs.queue, closing: closing))
        return Response(
            headerFields: [
                .contentType: listing.format.contentType, .vary: "Accept", .cacheControl: "no-store",
                .contentDisposition: "inline; filename=\"\(job).\(listing.format.rawValue)\"",
            ],
            content: .stream { writer in
                var query = listing.query
                var left = listing.limit
                try await watch.follow(job) {
                    // Before the rows: a job that has ended by now has none after those that are read below.
                    let hasEnded = try await store.job(job)?.status.isEnded ?? true
                    try await store.forEachDocument(query, limit: left) { cell in
                        try await writer.write(cell.document + "\n")
                        query.after = CellQuery.Cursor(job: cell.job, ordinal: cell.ordinal)
                        left = left.map { $0 - 1 }
                    }
                    return hasEnded || left == 0
                }
            })
    }

    /// The tag is made of the question and of how much had been recorded when it was asked, so that whoever asks again learns
    /// that nothing has come without any row being read.
    private func stream(_ listing: Listing, _ call: Routes.Call, name: String) async throws -> Response {
        var query = listing.query
        let mark = try await store.cellMark()
        query.mark = mark
        let rows = ResultRows(query, limit: listing.limit, in: store)
        let question = "\(listing.format.rawValue) \(mark.text) \(call.request.target.text)"
        return Response(
            headerFields: [
                .contentType: listing.format.contentType, .vary: "Accept", .cacheControl: "private, no-cache",
                .eTag: EntityTags.weak(try ContentDigest.of(Array(question.utf8))),
                .contentDisposition: "inline; filename=\"\(name).\(listing.format.rawValue)\"",
            ],
            content: .stream { writer in
                try await rows.write(listing.format) { try await writer.write($0) }
            }
        ).unlessKnown(to: call.request)
    }
}
