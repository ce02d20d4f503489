import GRDB
import Migrations

/// The migrations that a database has seen, against those that this binary knows.
///
/// Each is applied in a transaction of its own together with its row in `schema_migrations`, so a crash leaves it wholly
/// done or not begun. A database goes on only if its history is the beginning of ours, hash for hash: a migration that was
/// edited, or one that we do not know, means that columns may not be what the code takes them for.
struct SchemaHistory {
    /// `NGat`, in the header of every database of ours: `file` and we can tell them from others.
    static let applicationIdentifier = 0x4E47_6174

    let path: String
    let migrations: [Migration]

    /// Refuses a file that another program made, before anything is written to it.
    func checkOwnership(_ database: Database) throws {
        let identifier = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        if identifier == Self.applicationIdentifier { return }
        let objects = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0
        guard identifier == 0, objects == 0 else { throw StoreError.foreign(path: path) }
    }

    /// How many migrations the database has, all of them ours.
    ///
    /// - throws: ``StoreError/newer(path:migration:)``, ``StoreError/changedMigration(path:migration:)``.
    func applied(_ database: Database) throws -> Int {
        guard try database.tableExists("schema_migrations") else { return 0 }
        let rows = try Row.fetchAll(database, sql: "SELECT number, name, sha256 FROM schema_migrations ORDER BY number")
        for (index, row) in rows.enumerated() {
            let name: String = row["name"]
            guard index < migrations.count else { throw StoreError.newer(path: path, migration: name) }
            let known = migrations[index]
            let digest = try ContentDigest.hexadecimal(known.sql)
            guard row["number"] == known.number, row["sha256"] == digest else {
                throw StoreError.changedMigration(path: path, migration: name)
            }
        }
        return rows.count
    }

    /// Applies what is missing. Runs outside a transaction and makes one for each migration.
    func bringUpToDate(_ database: Database, at moment: Timestamp) throws {
        for migration in migrations.dropFirst(try applied(database)) {
            try database.inTransaction(.immediate) {
                if migration.number == 1 {
                    try database.execute(
                        sql: """
                            PRAGMA application_id = \(Self.applicationIdentifier);
                            CREATE TABLE schema_migrations (
                                number     INTEGER PRIMARY KEY,
                                name       TEXT NOT NULL,
                                sha256     TEXT NOT NULL,
                                applied_at TEXT NOT NULL
                            ) STRICT
                            """)
                }
                try database.execute(sql: String(decoding: migration.sql, as: UTF8.self))
                try database.execute(
                    sql: "INSERT INTO schema_migrations (number, name, sha256, applied_at) VALUES (?, ?, ?, ?)",
                    arguments: [
                        migration.number, migration.name, try ContentDigest.hexadecimal(migration.sql), moment.text,
                    ])
                return .commit
            }
        }
    }

    /// - throws: ``StoreError/outdated(path:)`` where a writer would have to apply something first.
    func requireCurrent(_ database: Database) throws {
        if try applied(database) < migrations.count { throw StoreError.outdated(path: path) }
    }
}
