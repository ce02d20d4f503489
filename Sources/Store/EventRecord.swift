import GRDB

/// Something that happened to a job, in the order in which it became durable.
package struct EventRecord: Sendable, Equatable {
    package enum Kind: String, Sendable {
        /// The status changed, or a new attempt began.
        case state
        /// Cells were recorded.
        case progress
    }

    package let job: String
    /// 1, 2, … within the job.
    package let sequence: Int
    package let kind: Kind
    package let status: JobStatus
    package let attempt: Int
    package let progress: JobProgress
    /// Of progress: the group whose cells were recorded.
    package let group: Int?
    package let createdAt: Timestamp
}

extension EventRecord {
    static let columns = "job, sequence, type, status, attempt, done, failed, total, stack_group, created_at"

    init(_ row: Row) throws(StoreError) {
        job = row["job"]
        sequence = row["sequence"]
        guard let kind = Kind(rawValue: row["type"]), let status = JobStatus(rawValue: row["status"]) else {
            throw .invalidRecord("event \(sequence) of \(job) is of no known type or status")
        }
        self.kind = kind
        self.status = status
        attempt = row["attempt"]
        progress = JobProgress(done: row["done"], failed: row["failed"], total: row["total"])
        group = row["stack_group"]
        createdAt = try row.timestamp("created_at")
    }

    /// Writes what the job's row says now as its next event, inside the transaction that changed the row.
    static func append(_ kind: Kind, of job: String, group: Int? = nil, at moment: Timestamp, _ database: Database)
        throws
    {
        try database.cachedStatement(
            sql: """
                INSERT INTO events (\(columns))
                SELECT id, (SELECT coalesce(max(sequence), 0) + 1 FROM events WHERE job = jobs.id),
                    ?, status, attempt, done, failed, total, ?, ?
                FROM jobs WHERE id = ?
                """
        ).execute(arguments: [kind.rawValue, group, moment.text, job])
    }
}
