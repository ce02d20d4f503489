import GRDB

/// A job as its row has it.
package struct JobRecord: Sendable, Equatable {
    /// A ULID: the order of ids is the order of submission.
    package let id: String
    /// `caption`, `knockout`, `patch`.
    package let kind: String
    package let model: String
    package let status: JobStatus
    /// How often the job was begun. A worker's death begins a new attempt, an orderly stop does not.
    package let attempt: Int
    package let progress: JobProgress
    package let createdAt: Timestamp
    package let startedAt: Timestamp?
    package let endedAt: Timestamp?
    /// The lease's holder, while there is one.
    package let leaseOwner: String?
    /// JSON: as accepted, defaults filled in.
    package let request: String
    /// JSON, when ended and there is something to sum up.
    package let summary: String?
    /// JSON, when something went wrong.
    package let error: String?
}

/// What changes in a job while it lives: small, where a record may carry a request of megabytes.
package struct JobState: Sendable, Hashable {
    package let status: JobStatus
    package let attempt: Int
    package let progress: JobProgress

    package init(status: JobStatus, attempt: Int, progress: JobProgress) {
        self.status = status
        self.attempt = attempt
        self.progress = progress
    }
}

extension JobRecord {
    package var state: JobState { JobState(status: status, attempt: attempt, progress: progress) }
}

/// How far a job is, in cells.
package struct JobProgress: Sendable, Hashable {
    /// Recorded, failed ones among them.
    package let done: Int
    /// Recorded as failed.
    package let failed: Int
    package let total: Int

    package init(done: Int, failed: Int, total: Int) {
        self.done = done
        self.failed = failed
        self.total = total
    }
}

/// What a new job's row needs from its submitter.
package struct JobSubmission: Sendable {
    package let id: String
    package let kind: String
    package let model: String
    /// JSON: the request with defaults filled in.
    package let request: String
    /// How many cells the job will have.
    package let total: Int
    /// Digests of the states that the request names; they must be stored.
    package let states: [String]
    /// The client's name for the request, if it has one.
    package let idempotencyKey: IdempotencyKey?
    /// Whose job it is, where there are keys.
    package let key: KeyRecord?

    package init(
        id: String, kind: String, model: String, request: String, total: Int, states: [String] = [],
        idempotencyKey: IdempotencyKey? = nil, key: KeyRecord? = nil
    ) {
        self.id = id
        self.kind = kind
        self.model = model
        self.request = request
        self.total = total
        self.states = states
        self.idempotencyKey = idempotencyKey
        self.key = key
    }
}

/// Which jobs to list, newest first. Everything left `nil` lets every job through.
package struct JobQuery: Sendable {
    package var status: JobStatus?
    package var kind: String?
    package var model: String?
    /// Only this key's jobs.
    package var key: String?
    /// Only jobs older than this id: the last one of the page before.
    package var after: String?
    package var limit: Int

    package init(
        status: JobStatus? = nil, kind: String? = nil, model: String? = nil, after: String? = nil, limit: Int = 100
    ) {
        self.status = status
        self.kind = kind
        self.model = model
        self.after = after
        self.limit = limit
    }
}

extension JobRecord {
    static let columns = """
        id, kind, model, status, attempt, total, done, failed, created_at, started_at, ended_at, lease_owner, \
        error, summary, request
        """

    init(_ row: Row) throws(StoreError) {
        id = row["id"]
        kind = row["kind"]
        model = row["model"]
        let state = try JobState(row)
        status = state.status
        attempt = state.attempt
        progress = state.progress
        createdAt = try row.timestamp("created_at")
        startedAt = try row.optionalTimestamp("started_at")
        endedAt = try row.optionalTimestamp("ended_at")
        leaseOwner = row["lease_owner"]
        request = row["request"]
        summary = row["summary"]
        error = row["error"]
    }

    /// - throws: ``StoreError/unknownJob(_:)``.
    static func fetch(_ id: String, _ database: Database) throws -> JobRecord {
        // Clients poll this, so the statement is compiled once a connection.
        let request = SQLRequest<Row>(
            sql: "SELECT \(columns) FROM jobs WHERE id = ?", arguments: [id], cached: true)
        guard let row = try request.fetchOne(database) else { throw StoreError.unknownJob(id) }
        return try JobRecord(row)
    }
}

extension JobState {
    init(_ row: Row) throws(StoreError) {
        let text: String = row["status"]
        guard let status = JobStatus(rawValue: text) else { throw .invalidRecord("jobs.status is \"\(text)\"") }
        self.status = status
        attempt = row["attempt"]
        progress = JobProgress(done: row["done"], failed: row["failed"], total: row["total"])
    }

    /// - throws: ``StoreError/unknownJob(_:)``.
    static func fetch(_ id: String, _ database: Database) throws -> JobState {
        let request = SQLRequest<Row>(
            sql: "SELECT status, attempt, total, done, failed FROM jobs WHERE id = ?", arguments: [id], cached: true)
        guard let row = try request.fetchOne(database) else { throw StoreError.unknownJob(id) }
        return try JobState(row)
    }
}

extension Row {
    func timestamp(_ column: String) throws(StoreError) -> Timestamp {
        guard let moment = try optionalTimestamp(column) else {
            throw .invalidRecord("\(column) is missing")
        }
        return moment
    }

    func optionalTimestamp(_ column: String) throws(StoreError) -> Timestamp? {
        guard let text: String = self[column] else { return nil }
        guard let moment = Timestamp(text) else {
            throw .invalidRecord("\(column) is \"\(text)\", no RFC 3339 time")
        }
        return moment
    }
}
