import Foundation
import GRDB

extension Store {
    /// Stores a new key's hash.
    ///
    /// - throws: ``StoreError/invalidRecord(_:)`` for an id that is taken, or limits that are not positive.
    package func insertKey(
        id: String, hash: [UInt8], name: String, isAdmin: Bool, limits: KeyLimits = KeyLimits()
    ) async throws -> KeyRecord {
        let moment = clock()
        return try await write { database in
            try database.execute(
                sql: """
                    INSERT INTO keys (id, name, hash, is_admin, job_limit, cell_limit, request_limit, byte_limit,
                        created_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    id, name, Data(hash), isAdmin, limits.jobs, limits.cells, limits.requests, limits.bytes,
                    moment.text,
                ])
            return try KeyRecord.fetch(id, database)
        }
    }

    /// Every key there ever was, the oldest first, with its hash.
    package func keys() async throws -> [(record: KeyRecord, hash: [UInt8])] {
        try await read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM keys ORDER BY created_at, id").map { row in
                let hash: Data = row["hash"]
                return (record: try KeyRecord(row), hash: [UInt8](hash))
            }
        }
    }

    /// Ends a key's use. Its jobs, pictures and states stay, for admins to see.
    ///
    /// - throws: ``StoreError/unknownKey(_:)``. Revoking twice changes nothing.
    package func revokeKey(_ id: String) async throws -> KeyRecord {
        let moment = clock()
        return try await write { database in
            try database.execute(
                sql: "UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?", arguments: [moment.text, id])
            return try KeyRecord.fetch(id, database)
        }
    }

    /// Whether something is a key's own; also where it is not there at all, the answer is no.
    package func holds(_ key: String, _ belonging: Belonging) async throws -> Bool {
        try await read { database in
            let (sql, name) =
                switch belonging {
                case .job(let id): ("SELECT 1 FROM jobs WHERE key = ? AND id = ?", id)
                case .image(let digest): ("SELECT 1 FROM image_holders WHERE key = ? AND digest = ?", digest)
                case .state(let digest): ("SELECT 1 FROM state_holders WHERE key = ? AND digest = ?", digest)
                }
            return try Bool.fetchOne(database, sql: sql, arguments: [key, name]) == true
        }
    }

    // MARK: Within the transactions of what is stored

    /// - throws: ``StoreError/quota(_:limit:)`` where a job of `total` cells would be too much for the key.
    static func requireRoom(for total: Int, _ key: KeyRecord, _ database: Database) throws {
        guard key.limits.jobs != nil || key.limits.cells != nil else { return }
        let row = try Row.fetchOne(
            database,
            sql: """
                SELECT count(*) AS jobs, coalesce(sum(total - done), 0) AS cells FROM jobs
                WHERE key = ? AND status IN ('queued', 'running', 'cancelling')
                """, arguments: [key.id])
        let (jobs, cells): (Int, Int) = (row?["jobs"] ?? 0, row?["cells"] ?? 0)
        if let limit = key.limits.jobs, jobs + 1 > limit { throw StoreError.quota(.jobs, limit: limit) }
        if let limit = key.limits.cells, cells + total > limit { throw StoreError.quota(.cells, limit: limit) }
    }

    /// Notes that a stored picture is a key's.
    ///
    /// - throws: ``StoreError/quota(_:limit:)`` where its bytes are too many for the key.
    static func give(_ digest: String, in holders: HolderTable, to key: KeyRecord?, _ database: Database) throws {
        guard let key else { return }
        try database.execute(
            sql: "INSERT OR IGNORE INTO \(holders.rawValue) (key, digest) VALUES (?, ?)", arguments: [key.id, digest])
        guard database.changesCount > 0, let limit = key.limits.bytes else { return }
        // Counted afterwards, with the new one among them: an error rolls the transaction back.
        let bytes = try Int.fetchOne(
            database,
            sql: """
                SELECT (SELECT coalesce(sum(bytes), 0) FROM images JOIN image_holders USING (digest) WHERE key = ?1)
                    + (SELECT coalesce(sum(bytes), 0) FROM states JOIN state_holders USING (digest) WHERE key = ?1)
                """, arguments: [key.id])
        if let bytes, bytes > limit { throw StoreError.quota(.bytes, limit: limit) }
    }

    /// Ends a key's hold; `true` if others hold it.
    static func release(
        _ digest: String, in holders: HolderTable, of key: String, _ database: Database
    ) throws -> Bool {
        let table = holders.rawValue
        try database.execute(sql: "DELETE FROM \(table) WHERE key = ? AND digest = ?", arguments: [key, digest])
        return try Bool.fetchOne(
            database, sql: "SELECT 1 FROM \(table) WHERE digest = ?", arguments: [digest]) == true
    }

    enum HolderTable: String {
        case images = "image_holders"
        case states = "state_holders"
    }

    /// Notes that states which a job captured are its key's. They were allowed with the job; their bytes count from now on.
    static func give(_ states: [NewState], toKeyOf job: String, _ database: Database) throws {
        for state in states {
            try database.execute(
                sql: """
                    INSERT OR IGNORE INTO state_holders (key, digest)
                    SELECT key, ? FROM jobs WHERE id = ? AND key IS NOT NULL
                    """, arguments: [state.digest, job])
        }
    }
}

extension KeyRecord {
    init(_ row: Row) throws(StoreError) {
        id = row["id"]
        name = row["name"]
        isAdmin = row["is_admin"]
        limits = KeyLimits(
            jobs: row["job_limit"], cells: row["cell_limit"], requests: row["request_limit"], bytes: row["byte_limit"])
        createdAt = try row.timestamp("created_at")
        revokedAt = try row.optionalTimestamp("revoked_at")
    }

    /// - throws: ``StoreError/unknownKey(_:)``.
    static func fetch(_ id: String, _ database: Database) throws -> KeyRecord {
        guard let row = try Row.fetchOne(database, sql: "SELECT * FROM keys WHERE id = ?", arguments: [id]) else {
            throw StoreError.unknownKey(id)
        }
        return try KeyRecord(row)
    }
}
