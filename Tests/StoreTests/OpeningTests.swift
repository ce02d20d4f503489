import Foundation
import GRDB
import Migrations
import Store
import Testing

@Suite("Opening a database") struct OpeningTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// Runs SQL on the file as another program would.
    private func execute(_ sql: String) throws {
        try DatabaseQueue(path: folder.database).write { try $0.execute(sql: sql) }
    }

    /// The next step after those that there are.
    private func migration(_ sql: String) -> Migration {
        Migration(number: (Migration.all.last?.number ?? 0) + 1, name: "notes", sql: Array(sql.utf8))
    }

    @Test("a second opening for writing is refused and names the holder; a reader is welcome; the end frees it")
    func oneWriter() async throws {
        do {
            let first = try Store(path: folder.database)
            let error = StoreError.inUse(path: folder.database, holder: "process \(getpid())")
            #expect(throws: error) { try Store(path: folder.database) }
            #expect(error.description.contains("open for writing in another process (process \(getpid()))"))
            let reader = try Store(path: folder.database, access: .readOnly)
            _ = try await first.submit(submission(1), limit: 10)
            #expect(try await reader.job(identifier(1))?.status == .queued)
            await #expect(throws: StoreError.readOnly(path: folder.database)) {
                try await reader.submit(submission(2), limit: 10)
            }
        }
        _ = try Store(path: folder.database)
    }

    @Test("a server leaves its address for other processes; the lock of the next writer has none")
    func address() throws {
        #expect(DatabaseWriter(database: folder.database) == nil)
        do {
            let store = try Store(path: folder.database)
            #expect(DatabaseWriter(database: folder.database)?.address == nil)
            store.announce(address: "http://127.0.0.1:8080")
            let writer = try #require(DatabaseWriter(database: folder.database))
            #expect(writer.process == "process \(getpid())")
            #expect(writer.address == "http://127.0.0.1:8080")
            let error = StoreError.inUse(path: folder.database, holder: "process \(getpid())")
            #expect(throws: error) { try Store(path: folder.database) }
        }
        let store = try Store(path: folder.database)
        #expect(DatabaseWriter(database: folder.database)?.address == nil)
        withExtendedLifetime(store) {}
    }

    @Test("the writer syncs fully, checks foreign keys and maps nothing; the file is in WAL mode and marked as ours")
    func settings() async throws {
        let store = try Store(path: folder.database)
        #expect(
            try await store.settings()
                == ["journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "mmap_size": "0"])
        #expect(try await store.readerSettings() == ["wal_autocheckpoint": "0", "mmap_size": "0"])
        let identifier = try await DatabaseQueue(path: folder.database).read {
            try Int.fetchOne($0, sql: "PRAGMA application_id")
        }
        #expect(identifier == 0x4E47_6174)
    }

    @Test("readers do not checkpoint: not when they are told to, and not when they close")
    func readersDoNotCheckpoint() async throws {
        let store = try Store(path: folder.database)
        _ = try await store.submit(submission(1), limit: 10)
        // A look at the file's status only: opening and closing it here would drop SQLite's locks.
        func status() throws -> [String] {
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.database)
            return ["\(attributes[.size] ?? 0)", "\(attributes[.modificationDate] ?? 0)"]
        }
        let before = try status()
        do {
            let reader = try Store(path: folder.database, access: .readOnly)
            #expect(try await reader.jobs().elements.count == 1)
            var readonly = Configuration()
            readonly.readonly = true
            let queue = try DatabaseQueue(path: folder.database, configuration: readonly)
            #expect(throws: DatabaseError.self) { try queue.writeWithoutTransaction { try $0.checkpoint(.truncate) } }
        }
        #expect(try status() == before)
        #expect(try await store.jobs().elements.count == 1)
    }

    @Test("migrations are applied in order, once, and a database can be opened again")
    func migrations() async throws {
        do { _ = try Store(path: folder.database) }
        let second = migration("CREATE TABLE notes (text TEXT) STRICT;")
        do { _ = try Store(path: folder.database, migrations: Migration.all + [second]) }
        do { _ = try Store(path: folder.database, migrations: Migration.all + [second]) }
        let names = try await DatabaseQueue(path: folder.database).read {
            try String.fetchAll($0, sql: "SELECT name FROM schema_migrations ORDER BY number")
        }
        #expect(names == Migration.all.map(\.name) + ["notes"])
    }

    @Test("a migration that fails leaves nothing behind, and the next start tries it again")
    func failingMigration() throws {
        do { _ = try Store(path: folder.database) }
        let broken = migration("CREATE TABLE notes (text TEXT) STRICT; SELECT nonsense;")
        #expect(throws: (any Error).self) { try Store(path: folder.database, migrations: Migration.all + [broken]) }
        let whole = migration("CREATE TABLE notes (text TEXT) STRICT;")
        _ = try Store(path: folder.database, migrations: Migration.all + [whole])
    }

    @Test("a database made by a newer version is refused, for writing and for reading")
    func newer() throws {
        let next = migration("CREATE TABLE notes (text TEXT) STRICT;")
        do { _ = try Store(path: folder.database, migrations: Migration.all + [next]) }
        let refusal = StoreError.newer(path: folder.database, migration: "notes")
        #expect(throws: refusal) { try Store(path: folder.database) }
        #expect(throws: refusal) { try Store(path: folder.database, access: .readOnly) }
        #expect(refusal.description.contains("newer narrowgate"))
    }

    @Test("a migration that differs from the applied one is refused")
    func changed() throws {
        do { _ = try Store(path: folder.database) }
        let edited = Migration(number: 1, name: "0001_jobs_cells_images", sql: Array("-- edited".utf8))
        #expect(throws: StoreError.changedMigration(path: folder.database, migration: "0001_jobs_cells_images")) {
            try Store(path: folder.database, migrations: [edited] + Migration.all.dropFirst())
        }
    }

    @Test("a reader does not migrate: it says that the database is older")
    func outdated() throws {
        do { _ = try Store(path: folder.database) }
        let next = migration("")
        #expect(throws: StoreError.outdated(path: folder.database)) {
            try Store(path: folder.database, access: .readOnly, migrations: Migration.all + [next])
        }
    }

    @Test("another program's database is refused and left as it was")
    func foreignDatabase() throws {
        try execute("CREATE TABLE recipes (name TEXT)")
        let before = try Data(contentsOf: URL(fileURLWithPath: folder.database))
        #expect(throws: StoreError.foreign(path: folder.database)) { try Store(path: folder.database) }
        #expect(throws: StoreError.foreign(path: folder.database)) {
            try Store(path: folder.database, access: .readOnly)
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.database)) == before)
    }

    @Test("a file that is no database, a folder that is not there, and a missing file are refused in sentences")
    func unusablePaths() throws {
        try Data(repeating: 0x41, count: 4096).write(to: URL(fileURLWithPath: folder.database))
        #expect(throws: StoreError.foreign(path: folder.database)) { try Store(path: folder.database) }
        let nowhere = folder.path + "/no/such/folder.sqlite"
        #expect {
            try Store(path: nowhere)
        } throws: { error in
            "\(error)" == "\(nowhere) cannot be opened: \(nowhere).lock: No such file or directory."
        }
        #expect(throws: StoreError.cannotOpen(path: nowhere, reason: "there is no such file")) {
            try Store(path: nowhere, access: .readOnly)
        }
    }
}
