import GRDB

extension Store {
    /// Stores a state under its digest; where it is already, it only takes the name.
    ///
    /// - Parameter key: whose it is from now on, too.
    /// - throws: ``StoreError/stateFile(path:reason:)`` where its file cannot be written; ``StoreError/quota(_:limit:)``.
    package func insert(_ state: NewState, key: KeyRecord? = nil) async throws -> StateRecord {
        try requireWritable()
        // Before the transaction: whoever waits for the writer need not wait for the disk.
        try stateFiles.write([state])
        let moment = clock()
        let files = stateFiles
        return try await write { database in
            try Self.insert([state], files: files, at: moment, database)
            try Self.give(state.digest, in: .states, to: key, database)
            guard let record = try StateRecord.fetch(state.digest, database) else {
                throw StoreError.unknownState(state.digest)
            }
            return record
        }
    }

    /// The state's record, or `nil` where there is none of that digest.
    package func state(_ digest: String) async throws -> StateRecord? {
        try await read { try StateRecord.fetch(digest, $0) }
    }

    /// The state's file, open, or `nil` where there is no state of that digest.
    ///
    /// - throws: ``StoreError/stateFile(path:reason:)`` where the row is there and the file is not.
    package func stateContent(_ digest: String) async throws -> StateContent? {
        guard let record = try await state(digest) else { return nil }
        do {
            return try StateContent(path: stateFiles.path(of: digest), count: record.bytes)
        } catch {
            // Deleted between the two looks.
            if try await state(digest) == nil { return nil }
            throw error
        }
    }

    /// States, the newest first.
    ///
    /// - throws: ``StoreError/unknownState(_:)`` if there is no state `after`.
    package func states(_ query: StateQuery = StateQuery()) async throws -> Page<StateRecord> {
        try await read { database in
            var conditions: [String] = []
            var arguments = StatementArguments()
            func restrict(_ condition: String, _ value: (any DatabaseValueConvertible)?) {
                guard let value else { return }
                conditions.append(condition)
                arguments += [value]
            }
            restrict("name = ?", query.name)
            restrict("model = ?", query.model)
            restrict("site = ?", query.site)
            restrict("digest IN (SELECT digest FROM state_holders WHERE key = ?)", query.key)
            if let after = query.after {
                let sequence = try Int64.fetchOne(
                    database, sql: "SELECT sequence FROM states WHERE digest = ?", arguments: [after])
                guard let sequence else { throw StoreError.unknownState(after) }
                restrict("sequence < ?", sequence)
            }
            let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
            let limit = pageLimit(query.limit)
            let rows = try Row.fetchAll(
                database,
                sql: "SELECT \(StateRecord.columns) FROM states \(filter) ORDER BY sequence DESC LIMIT \(limit + 1)",
                arguments: arguments)
            return Page(try rows.map { try StateRecord($0) }, limit: limit)
        }
    }

    /// Deletes a state, its row first, then its file. What is written in rows that name it stays as it is.
    ///
    /// - Parameter key: who deletes it; a state that others hold or whose jobs name it, too, only ceases to be that key's.
    /// - throws: ``StoreError/unknownState(_:)``; ``StoreError/stateInUse(_:job:)`` while an unfinished job's request
    ///   names it. With `key` the job is one of that key's own.
    package func deleteState(_ digest: String, key: String? = nil) async throws {
        let files = stateFiles
        try await writeWithoutTransaction { database in
            var isShared = false
            try database.inTransaction {
                if let user = try Self.unfinishedJobNaming(digest, of: key, database) {
                    throw StoreError.stateInUse(digest, job: user)
                }
                if let key {
                    isShared = try Self.release(digest, in: .states, of: key, database)
                    if !isShared, try Self.unfinishedJobNaming(digest, of: nil, database) != nil { isShared = true }
                    if isShared { return .commit }
                }
                try database.execute(sql: "DELETE FROM states WHERE digest = ?", arguments: [digest])
                guard database.changesCount > 0 else { throw StoreError.unknownState(digest) }
                return .commit
            }
            guard !isShared else { return }
            // Still on the writer's connection: nobody can store the same state between its row's end and its file's.
            try files.remove(digest)
        }
    }

    /// An unfinished job whose request names a state; with `key`, one of that key's own.
    private static func unfinishedJobNaming(
        _ digest: String, of key: String?, _ database: Database
    ) throws -> String? {
        try String.fetchOne(
            database,
            sql: """
                SELECT id FROM jobs
                WHERE status IN ('queued', 'running', 'cancelling') AND instr(request, ?1) AND (?2 IS NULL OR key = ?2)
                ORDER BY id LIMIT 1
                """, arguments: [digest, key])
    }

    /// Inserts the rows of states whose files have been written.
    static func insert(_ states: [NewState], files: StateFiles, at moment: Timestamp, _ database: Database) throws {
        // The files are there, unless a deletion came between them and this transaction.
        try files.write(states)
        for state in states { try state.insert(database, at: moment) }
    }

    /// - throws: ``StoreError/unknownState(_:)`` for the first that is not there.
    static func requireStates(_ digests: [String], _ database: Database) throws {
        for digest in digests {
            let known = try Bool.fetchOne(
                database, sql: "SELECT 1 FROM states WHERE digest = ?", arguments: [digest])
            guard known == true else { throw StoreError.unknownState(digest) }
        }
    }
}
