import GRDB

extension Store {
    /// Cells, of one job or across all, in the order of (job, ordinal).
    package func cells(_ query: CellQuery) async throws -> Page<CellRecord> {
        try await read { database in
            let (sql, arguments) = query.statement()
            let rows = try Row.fetchAll(database, sql: sql, arguments: arguments)
            return Page(try rows.map { try CellRecord($0) }, limit: pageLimit(query.limit))
        }
    }

    /// How SQLite finds the cells of a query, step by step: for whoever wonders why one is slow, and for tests.
    package func plan(of query: CellQuery) async throws -> [String] {
        try await read { database in
            let (sql, arguments) = query.statement()
            let rows = try Row.fetchAll(database, sql: "EXPLAIN QUERY PLAN " + sql, arguments: arguments)
            return rows.map { $0["detail"] }
        }
    }

    /// One cell, or `nil` where it is not recorded.
    package func cell(job: String, ordinal: Int) async throws -> CellRecord? {
        try await read { database in
            try Row.fetchOne(
                database, sql: "SELECT \(CellRecord.columns) FROM cells WHERE job = ? AND ordinal = ?",
                arguments: [job, ordinal]
            ).map { try CellRecord($0) }
        }
    }

    /// The places of the cells that are recorded: what a resumed job need not compute again.
    package func recordedOrdinals(of job: String) async throws -> Set<Int> {
        try await read { database in
            try Set(Int.fetchCursor(database, sql: "SELECT ordinal FROM cells WHERE job = ?", arguments: [job]))
        }
    }

    /// The first of a job's failed cells, in the order of their places.
    package func firstFailedCell(of job: String) async throws -> CellRecord? {
        try await read { database in
            try Row.fetchOne(
                database,
                sql: """
                    SELECT \(CellRecord.columns) FROM cells WHERE job = ? AND status = 'failed' ORDER BY ordinal LIMIT 1
                    """,
                arguments: [job]
            ).map { try CellRecord($0) }
        }
    }

    /// What happened to a job after the event `after` (0: from the beginning), in order.
    package func events(of job: String, after: Int = 0, limit: Int = 1000) async throws -> Page<EventRecord> {
        try await read { database in
            let limit = pageLimit(limit)
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT \(EventRecord.columns) FROM events WHERE job = ? AND sequence > ? ORDER BY sequence LIMIT ?
                    """,
                arguments: [job, after, limit + 1])
            return Page(try rows.map { try EventRecord($0) }, limit: limit)
        }
    }

    /// How much there is of everything, for metrics.
    package func counts() async throws -> StoreCounts {
        try await read { database in
            var jobs = Dictionary(uniqueKeysWithValues: JobStatus.allCases.map { ($0, 0) })
            var recorded = 0
            var failed = 0
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT status, count(*) AS jobs, sum(done) AS done, sum(failed) AS failed FROM jobs GROUP BY status
                    """)
            for row in rows {
                if let status = JobStatus(rawValue: row["status"]) { jobs[status] = row["jobs"] }
                recorded += row["done"]
                failed += row["failed"]
            }
            let images = try Int.fetchOne(database, sql: "SELECT count(*) FROM images") ?? 0
            return StoreCounts(jobs: jobs, cells: recorded, failedCells: failed, images: images)
        }
    }
}

/// The jobs that have not ended.
package struct QueueDepth: Sendable, Equatable {
    /// By status, of those that are not final; each is there.
    package let jobs: [JobStatus: Int]
    /// When the oldest of those that nobody has begun was submitted.
    package let oldestQueued: Timestamp?
}

extension Store {
    /// How many jobs have not ended. Looks at those only, however many there were before.
    package func queueDepth() async throws -> QueueDepth {
        try await read { database in
            var jobs: [JobStatus: Int] = [:]
            for status in JobStatus.allCases where !status.isEnded {
                jobs[status] =
                    try Int.fetchOne(
                        database, sql: "SELECT count(*) FROM jobs WHERE status = ?", arguments: [status.rawValue]) ?? 0
            }
            let oldest = try Row.fetchOne(
                database, sql: "SELECT created_at FROM jobs WHERE status = 'queued' ORDER BY id LIMIT 1")
            return QueueDepth(jobs: jobs, oldestQueued: try oldest?.timestamp("created_at"))
        }
    }
}

/// How much the store holds.
package struct StoreCounts: Sendable, Equatable {
    /// By status; every status is there.
    package let jobs: [JobStatus: Int]
    /// Recorded cells, failed ones among them.
    package let cells: Int
    package let failedCells: Int
    package let images: Int
}
