import GRDB

extension Store {
    /// Queues a job. When this returns, the job survives anything.
    ///
    /// A submission whose key has made a job already makes none: that one is returned, whatever has become of it.
    ///
    /// - Parameter limit: how many unfinished jobs the queue takes.
    /// - throws: ``StoreError/queueFull(limit:)``; ``StoreError/invalidRecord(_:)`` for an id that is taken;
    ///   ``StoreError/unknownState(_:)`` for a state that was deleted since the request was checked;
    ///   ``StoreError/idempotencyKeyReused(key:job:)``.
    package func submit(_ submission: JobSubmission, limit: Int) async throws -> JobRecord {
        let moment = clock()
        return try await write { database in
            if let known = try submission.idempotencyKey?.job(database) { return known }
            let unfinished =
                try Int.fetchOne(
                    database, sql: "SELECT count(*) FROM jobs WHERE status IN ('queued', 'running', 'cancelling')") ?? 0
            guard unfinished < limit else { throw StoreError.queueFull(limit: limit) }
            if let key = submission.key { try Self.requireRoom(for: submission.total, key, database) }
            try Self.requireStates(submission.states, database)
            try database.execute(
                sql: """
                    INSERT INTO jobs (id, kind, model, status, total, created_at, request, key)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    submission.id, submission.kind, submission.model, JobStatus.queued.rawValue, submission.total,
                    moment.text, submission.request, submission.key?.id,
                ])
            try submission.idempotencyKey?.insert(job: submission.id, at: moment, database)
            try EventRecord.append(.state, of: submission.id, at: moment, database)
            return try JobRecord.fetch(submission.id, database)
        }
    }

    /// Stores a job that has already run, with its only cell and its picture: what a synchronous caption leaves behind.
    ///
    /// The job's times are this moment less `cell.seconds`, and this moment. Its status follows the cell's.
    ///
    /// - Parameter image: the picture, where it may not be stored yet.
    package func insertFinished(_ submission: JobSubmission, cell: CellRecord, image: NewImage? = nil) async throws
        -> JobRecord
    {
        guard cell.job == submission.id, cell.ordinal == 0, submission.total == 1 else {
            throw StoreError.invalidRecord("cell \(cell.id) is not the only cell of job \(submission.id)")
        }
        let digest = try image.map { try ContentDigest.of($0.content) }
        try requireWritable()
        try stateFiles.write(cell.states)
        let files = stateFiles
        let moment = clock()
        let seconds = min(max(cell.seconds ?? 0, 0), 1e9)
        let began = moment + .milliseconds(-Int(seconds * 1000))
        return try await write { database in
            if let image, let digest {
                _ = try Self.insert(image, digest: digest, at: moment, database)
                try Self.give(digest, in: .images, to: submission.key, database)
            }
            let failed = cell.status == .failed
            try database.execute(
                sql: """
                    INSERT INTO jobs (id, kind, model, status, attempt, total, done, failed, created_at, started_at,
                        ended_at, error, request, key)
                    VALUES (?, ?, ?, ?, 1, 1, 1, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    submission.id, submission.kind, submission.model,
                    (failed ? JobStatus.failed : .succeeded).rawValue, failed ? 1 : 0, began.text, began.text,
                    moment.text, cell.error, submission.request, submission.key?.id,
                ])
            _ = try cell.insert(database, at: moment)
            try Self.insert(cell.states, files: files, at: moment, database)
            try Self.give(cell.states, toKeyOf: submission.id, database)
            try EventRecord.append(.state, of: submission.id, at: moment, database)
            return try JobRecord.fetch(submission.id, database)
        }
    }

    /// The job, or `nil` where there is none of that id.
    package func job(_ id: String) async throws -> JobRecord? {
        try await read { database in
            do { return try JobRecord.fetch(id, database) } catch StoreError.unknownJob { return nil }
        }
    }

    /// Jobs, the newest first.
    package func jobs(_ query: JobQuery = JobQuery()) async throws -> Page<JobRecord> {
        try await read { database in
            var conditions: [String] = []
            var arguments = StatementArguments()
            func restrict(_ condition: String, _ value: String?) {
                guard let value else { return }
                conditions.append(condition)
                arguments += [value]
            }
            restrict("status = ?", query.status?.rawValue)
            restrict("kind = ?", query.kind)
            restrict("model = ?", query.model)
            restrict("key = ?", query.key)
            restrict("id < ?", query.after)
            let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
            let limit = pageLimit(query.limit)
            let rows = try Row.fetchAll(
                database, sql: "SELECT \(JobRecord.columns) FROM jobs \(filter) ORDER BY id DESC LIMIT \(limit + 1)",
                arguments: arguments)
            return Page(try rows.map { try JobRecord($0) }, limit: limit)
        }
    }

    /// The newest job's id: new ids must come after it, even if the clock was set back.
    package func newestJob() async throws -> String? {
        try await read { try String.fetchOne($0, sql: "SELECT max(id) FROM jobs") }
    }

    /// Asks for a job's end: one that nobody runs ends `cancelled` at once, whether it is queued or was begun by a process
    /// that is gone; one that a worker has becomes `cancelling`.
    ///
    /// Asking twice changes nothing.
    ///
    /// - throws: ``StoreError/unknownJob(_:)``, ``StoreError/conflict(job:status:action:)`` for a job that has ended.
    package func requestCancel(_ id: String) async throws -> JobRecord {
        let moment = clock()
        return try await write { database in
            let job = try JobRecord.fetch(id, database)
            var next = try job.status(after: .requestCancel)
            let isLeased = try Bool.fetchOne(
                database, sql: "SELECT lease_expires_at IS NOT NULL FROM jobs WHERE id = ?", arguments: [id])
            if isLeased != true, !next.isEnded, let ended = next.after(.cancel) { next = ended }
            if next != job.status {
                try database.execute(
                    sql: """
                        UPDATE jobs SET status = ?, ended_at = ?, lease_owner = iif(?, NULL, lease_owner) WHERE id = ?
                        """,
                    arguments: [next.rawValue, next.isEnded ? moment.text : nil, next.isEnded, id])
                try EventRecord.append(.state, of: id, at: moment, database)
            }
            return try JobRecord.fetch(id, database)
        }
    }
}

extension JobRecord {
    /// - throws: ``StoreError/conflict(job:status:action:)`` where the machine has no such transition.
    func status(after event: JobStatus.Event) throws(StoreError) -> JobStatus {
        guard let next = status.after(event) else {
            throw .conflict(job: id, status: status, action: event.participle)
        }
        return next
    }
}
