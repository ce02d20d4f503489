import GRDB

extension Store {
    /// Takes the oldest job that nobody runs: a queued one, or one whose worker died or stopped.
    ///
    /// A worker that died without a word leaves its lease to expire, and the job begins a new attempt; one that stopped in
    /// order has released it, and the attempt goes on. The token rises either way.
    ///
    /// - Parameters:
    ///   - owner: a name that says who runs the job, for people.
    ///   - length: how long the lease holds unless it is renewed.
    package func claim(owner: String, for length: Duration) async throws -> ClaimedJob? {
        let moment = clock()
        let expiry = moment + length
        return try await write { database in
            // Two index look-ups, instead of sorting everything that waits.
            let queued = try String.fetchOne(
                database, sql: "SELECT id FROM jobs WHERE status = 'queued' ORDER BY id LIMIT 1")
            let abandoned = try String.fetchOne(
                database,
                sql: """
                    SELECT min(id) FROM jobs WHERE status IN ('running', 'cancelling')
                    AND (lease_expires_at IS NULL OR lease_expires_at <= ?)
                    """,
                arguments: [moment.text])
            guard let id = [queued, abandoned].compactMap({ $0 }).min() else { return nil }

            let job = try JobRecord.fetch(id, database)
            let status = try job.status(after: .claim)
            let continues = job.leaseOwner == nil && job.attempt > 0
            try database.execute(
                sql: """
                    UPDATE jobs SET status = ?, attempt = ?, started_at = coalesce(started_at, ?),
                        lease_owner = ?, lease_token = lease_token + 1, lease_expires_at = ?
                    WHERE id = ?
                    """,
                arguments: [
                    status.rawValue, continues ? job.attempt : job.attempt + 1, moment.text, owner, expiry.text, id,
                ])
            if status != job.status || !continues { try EventRecord.append(.state, of: id, at: moment, database) }
            let token = try Int.fetchOne(database, sql: "SELECT lease_token FROM jobs WHERE id = ?", arguments: [id])
            guard let token else { throw StoreError.unknownJob(id) }
            return ClaimedJob(
                job: try JobRecord.fetch(id, database), lease: Lease(job: id, owner: owner, token: token),
                expiresAt: expiry)
        }
    }

    /// Makes the lease hold for another `length` from now. Returns where the job stands: its status may ask for its end.
    ///
    /// - throws: ``StoreError/leaseLost(job:)``.
    package func renew(_ lease: Lease, for length: Duration) async throws -> JobState {
        let expiry = clock() + length
        return try await write { database in
            try Self.requireCurrent(lease, database)
            try database.execute(
                sql: "UPDATE jobs SET lease_expires_at = ? WHERE id = ?", arguments: [expiry.text, lease.job])
            return try JobState.fetch(lease.job, database)
        }
    }

    /// Gives the job back unfinished, so that the next claim takes it at once and within the same attempt.
    ///
    /// - throws: ``StoreError/leaseLost(job:)``.
    package func release(_ lease: Lease) async throws {
        try await write { database in
            try Self.requireCurrent(lease, database)
            try database.execute(
                sql: "UPDATE jobs SET lease_owner = NULL, lease_expires_at = NULL WHERE id = ?",
                arguments: [lease.job])
        }
    }

    /// Records the cells of one stack group, the states that were captured in them and the progress of their job, together.
    ///
    /// All of it is one transaction: a crash leaves nothing or everything. A cell that is there already stays as it is,
    /// because the first outcome is the one that somebody may have read.
    ///
    /// - Returns: where the job stands after it; its status may ask for its end.
    /// - throws: ``StoreError/leaseLost(job:)`` if `lease` is no longer current: then nothing is written.
    ///   ``StoreError/invalidRecord(_:)`` for cells of another job, or ones that name an unknown image.
    package func record(_ cells: [CellRecord], under lease: Lease) async throws -> JobState {
        if let stranger = cells.first(where: { $0.job != lease.job }) {
            throw StoreError.invalidRecord("cell \(stranger.id) does not belong to job \(lease.job)")
        }
        // Before the transaction: whoever waits for the writer need not wait for their files.
        try stateFiles.write(cells.flatMap(\.states))
        let moment = clock()
        let files = stateFiles
        return try await write { database in
            try Self.requireCurrent(lease, database)
            var recorded = 0
            var failed = 0
            for cell in cells where try cell.insert(database, at: moment) {
                try Self.insert(cell.states, files: files, at: moment, database)
                try Self.give(cell.states, toKeyOf: lease.job, database)
                recorded += 1
                if cell.status == .failed { failed += 1 }
            }
            if recorded > 0 {
                try database.execute(
                    sql: "UPDATE jobs SET done = done + ?, failed = failed + ? WHERE id = ?",
                    arguments: [recorded, failed, lease.job])
                try EventRecord.append(.progress, of: lease.job, group: cells.first?.group, at: moment, database)
            }
            return try JobState.fetch(lease.job, database)
        }
    }

    /// Ends a job and its lease. A cancel that came first wins: the job is then `cancelled`, whatever `event` says.
    ///
    /// - Parameters:
    ///   - event: `.succeed`, `.fail` or `.cancel`.
    ///   - error: JSON, what went wrong.
    ///   - summary: JSON.
    /// - throws: ``StoreError/leaseLost(job:)``.
    package func finish(_ lease: Lease, as event: JobStatus.Event, error: String? = nil, summary: String? = nil)
        async throws -> JobRecord
    {
        let moment = clock()
        return try await write { database in
            try Self.requireCurrent(lease, database)
            let status = try JobRecord.fetch(lease.job, database).status(after: event)
            guard status.isEnded else {
                throw StoreError.invalidRecord("a job cannot end by being \(event.participle)")
            }
            try database.execute(
                sql: """
                    UPDATE jobs SET status = ?, ended_at = ?, error = ?, summary = ?, lease_owner = NULL,
                        lease_expires_at = NULL
                    WHERE id = ?
                    """,
                arguments: [status.rawValue, moment.text, error, summary, lease.job])
            try EventRecord.append(.state, of: lease.job, at: moment, database)
            return try JobRecord.fetch(lease.job, database)
        }
    }

    private static func requireCurrent(_ lease: Lease, _ database: Database) throws {
        let current = try Bool.fetchOne(
            database, sql: "SELECT 1 FROM jobs WHERE id = ? AND lease_token = ? AND lease_owner = ?",
            arguments: [lease.job, lease.token, lease.owner])
        guard current == true else { throw StoreError.leaseLost(job: lease.job) }
    }
}
