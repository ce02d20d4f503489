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
    /// - throws: ``StoreError/unknownImage(_:)``; ``StoreError/imageInUse(_:job:)`` while a job's request names it, of a job
    ///   that has ended, too: its rows could not be computed again.
    package func deleteImage(_ digest: String) async throws {
        try await write { database in
            // Cells lead to most jobs through an index; the requests have to be looked through for the others.
            let user =
                try String.fetchOne(
                    database, sql: "SELECT job FROM cells WHERE image = ?1 OR source_image = ?1 LIMIT 1",
                    arguments: [digest])
                ?? String.fetchOne(
                    database, sql: "SELECT id FROM jobs WHERE instr(request, ?) ORDER BY id LIMIT 1",
                    arguments: [digest])
            if let user { throw StoreError.imageInUse(digest, job: user) }
            try database.execute(sql: "DELETE FROM images WHERE digest = ?", arguments: [digest])
            guard database.changesCount > 0 else { throw StoreError.unknownImage(digest) }
        }
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
