import GRDB

extension Store {
    /// Deletes a job that has ended, with its cells, its events and the keys that made it. Its pictures and states stay.
    ///
    /// - throws: ``StoreError/unknownJob(_:)``; ``StoreError/jobUnfinished(_:status:)``;
    ///   ``StoreError/jobInUse(_:state:)`` while a state names one of its cells as its origin.
    package func deleteJob(_ id: String) async throws {
        try await write { try Self.deleteJob(id, $0) }
    }

    /// Deletes a picture.
    ///
    /// - Parameter key: who deletes it; a picture that others hold or whose jobs name it, too, only ceases to be that key's.
    /// - throws: ``StoreError/unknownImage(_:)``; ``StoreError/imageInUse(_:job:)`` while a job's request names it, of a job
    ///   that has ended, too: its rows could not be computed again. With `key` the job is one of that key's own.
    package func deleteImage(_ digest: String, key: String? = nil) async throws {
        try await write { database in
            if let user = try Self.jobNaming(digest, of: key, database) {
                throw StoreError.imageInUse(digest, job: user)
            }
            if let key {
                let isShared = try Self.release(digest, in: .images, of: key, database)
                if try isShared || Self.jobNaming(digest, of: nil, database) != nil { return }
            }
            try database.execute(sql: "DELETE FROM images WHERE digest = ?", arguments: [digest])
            guard database.changesCount > 0 else { throw StoreError.unknownImage(digest) }
        }
    }

    /// A job whose request names a picture; with `key`, one of that key's own.
    private static func jobNaming(_ digest: String, of key: String?, _ database: Database) throws -> String? {
        // Cells lead to most jobs through an index; the requests have to be looked through for the others.
        try String.fetchOne(
            database,
            sql: """
                SELECT job FROM cells JOIN jobs ON jobs.id = cells.job
                WHERE (image = ?1 OR source_image = ?1) AND (?2 IS NULL OR jobs.key = ?2) LIMIT 1
                """, arguments: [digest, key])
            ?? String.fetchOne(
                database,
                sql: """
                    SELECT id FROM jobs WHERE instr(request, ?1) AND (?2 IS NULL OR key = ?2) ORDER BY id LIMIT 1
                    """, arguments: [digest, key])
    }

    /// Deletes the jobs that ended before `moment` and that nothing refers to, one transaction each.
    ///
    /// - Returns: how many there were.
    package func deleteJobs(endedBefore moment: Timestamp) async throws -> Int {
        let ids = try await read { database in
            try String.fetchAll(
                database, sql: "SELECT id FROM jobs WHERE ended_at < ? ORDER BY ended_at", arguments: [moment.text])
        }
        var count = 0
        for id in ids {
            try Task.checkCancellation()
            do {
                try await deleteJob(id)
                count += 1
            } catch StoreError.jobInUse, StoreError.unknownJob {
                continue
            }
        }
        return count
    }

    private static func deleteJob(_ id: String, _ database: Database) throws {
        let state = try JobState.fetch(id, database)
        guard state.status.isEnded else { throw StoreError.jobUnfinished(id, status: state.status) }
        let user = try String.fetchOne(
            database,
            sql: "SELECT digest FROM states WHERE substr(origin ->> '$.cell', 1, 27) = ? ORDER BY sequence LIMIT 1",
            arguments: [id + "/"])
        if let user { throw StoreError.jobInUse(id, state: user) }
        for table in ["cells", "events", "idempotency_keys"] {
            try database.execute(sql: "DELETE FROM \(table) WHERE job = ?", arguments: [id])
        }
        try database.execute(sql: "DELETE FROM jobs WHERE id = ?", arguments: [id])
        try database.execute(sql: "UPDATE deletions SET jobs = jobs + 1")
    }
}
