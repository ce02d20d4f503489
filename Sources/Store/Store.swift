import Foundation
import GRDB
package import Metrics
package import Migrations
import Synchronization

/// Everything that narrowgate keeps: pictures, jobs, cells, events and states, in one SQLite file and, of states, the
/// numbers in files beside it.
///
/// Each method is one transaction, and what it returned is durable: the writer runs with `synchronous = FULL`, so a commit
/// has reached the disk before the method returns. There is one writer connection, and it alone checkpoints: readers are
/// opened read-only, cannot checkpoint when they close, and never commit. (SQLite before 3.51.3 can corrupt a WAL when two
/// connections checkpoint at once.) Nothing is memory-mapped: a write past the end of a truncated map would be a crash.
/// Readers have connections and snapshots of their own and never wait for the writer.
///
/// A write runs to its end even when the task that asked for it is cancelled, so that a worker that is told to stop can
/// still give its lease back, and nobody has to guess whether a cancelled write happened.
///
/// ## Topics
/// - Pictures: ``insert(_:)``, ``image(_:)``, ``imageContent(_:)``, ``images(after:limit:)``
/// - Jobs: ``submit(_:limit:)``, ``insertFinished(_:status:cell:image:error:)``, ``job(_:)``, ``jobs(_:)``, ``requestCancel(_:)``
/// - Running them: ``claim(owner:for:)``, ``renew(_:for:)``, ``release(_:)``, ``record(_:under:)``,
///   ``recordedOrdinals(of:)``, ``finish(_:as:error:summary:)``
/// - States: ``insert(_:)``, ``state(_:)``, ``stateContent(_:)``, ``states(_:)``, ``deleteState(_:)``
/// - Results: ``cells(_:)``, ``firstFailedCell(of:)``, ``events(of:after:limit:)``, ``counts()``
package final class Store: Sendable {
    /// What a store is opened for.
    package enum Access: Sendable {
        /// Creates the file and brings its schema up to date; one process at a time.
        case readWrite
        /// Beside a running server, or on a file that must not change.
        case readOnly
    }

    package let path: String
    package let access: Access
    let clock: @Sendable () -> Timestamp
    let stateFiles: StateFiles
    /// How long transactions took their callers: waiting for a connection, running, and of a write reaching the disk.
    package let writeTimes = Histogram()
    package let readTimes = Histogram()
    /// When a transaction last reached the disk; `nil` at first, and when one did not.
    private let lastWrite = Mutex<ContinuousClock.Instant?>(nil)
    // In this order: the connections close, with a last checkpoint, before the next process may open.
    private let pool: DatabasePool
    let lock: DatabaseLock?

    /// Opens the database at `path`.
    ///
    /// Opening for writing ends every lease that the file still holds: the lock proves that whoever held one is gone, and
    /// the jobs can be claimed again at once.
    ///
    /// - Parameters:
    ///   - migrations: the schema, step by step; tests bring their own.
    ///   - clock: what time it is; tests set it.
    /// - throws: ``StoreError`` that says why this file cannot be used: held by another process, made by a newer version,
    ///   another program's, or not there.
    package init(
        path: String, access: Access = .readWrite, migrations: [Migration] = Migration.all,
        clock: @escaping @Sendable () -> Timestamp = Timestamp.now
    ) throws {
        let schema = SchemaHistory(path: path, migrations: migrations)
        self.path = path
        self.access = access
        self.clock = clock
        stateFiles = StateFiles(database: path)
        if access == .readOnly, !FileManager.default.fileExists(atPath: path) {
            throw StoreError.cannotOpen(path: path, reason: "there is no such file")
        }
        lock = access == .readWrite ? try DatabaseLock(database: path) : nil

        var configuration = Configuration()
        configuration.label = "narrowgate.store"
        configuration.foreignKeysEnabled = true
        configuration.readonly = access == .readOnly
        configuration.maximumReaderCount = 4
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA mmap_size = 0")
            if database.configuration.readonly {
                try database.execute(sql: "PRAGMA wal_autocheckpoint = 0")
            } else {
                // This runs before the connection switches to WAL, which would already write to the file.
                try schema.checkOwnership(database)
                try database.execute(sql: "PRAGMA journal_size_limit = 67108864")
            }
        }
        do {
            let pool = try DatabasePool(path: path, configuration: configuration)
            switch access {
            case .readWrite:
                try pool.writeWithoutTransaction { database in
                    // Here, not in prepareDatabase: a pool sets NORMAL when it switches to WAL.
                    try database.execute(sql: "PRAGMA synchronous = FULL")
                    try schema.bringUpToDate(database, at: clock())
                    // The owner stays: that it is gone without a word makes the next claim a new attempt.
                    try database.execute(
                        sql: "UPDATE jobs SET lease_expires_at = NULL WHERE lease_expires_at IS NOT NULL")
                }
                stateFiles.removeLeftovers()
            case .readOnly:
                try pool.read { database in
                    try schema.checkOwnership(database)
                    try schema.requireCurrent(database)
                }
            }
            self.pool = pool
        } catch let error as DatabaseError {
            throw Self.openingError(error, path: path)
        }
    }

    /// Runs one transaction on the writer connection, to its end.
    func write<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        try requireWritable()
        let pool = self.pool
        let start = ContinuousClock.now
        defer { writeTimes.observe(since: start) }
        do {
            // A task of its own does not inherit the caller's cancellation.
            let value = try await Task { try await pool.write(body) }.value
            lastWrite.withLock { $0 = .now }
            return value
        } catch let error as DatabaseError {
            throw noted(Self.storeError(error))
        }
    }

    /// Remembers that the disk cannot be relied on, so that readiness looks at it.
    private func noted(_ error: StoreError) -> StoreError {
        if error.isOfTheDisk { lastWrite.withLock { $0 = nil } }
        return error
    }

    /// Writes a page, unless something was written within the last seconds and nothing has failed since.
    ///
    /// - throws: ``StoreError`` that says why nothing can be written.
    package func checkWritable() async throws {
        guard access == .readWrite else { return }
        if let moment = lastWrite.withLock({ $0 }), moment.duration(to: .now) < .seconds(2) { return }
        // The number means nothing; setting it is a commit of one page, synced as every other is.
        try await write { [self] database in
            // Somebody may have written while this waited for its turn.
            if let moment = lastWrite.withLock({ $0 }), moment.duration(to: .now) < .seconds(2) { return }
            try database.execute(sql: "PRAGMA user_version = 0")
        }
    }

    /// Runs `body` on the writer connection, to its end; its transactions are its own.
    func writeWithoutTransaction<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        try requireWritable()
        let pool = self.pool
        let start = ContinuousClock.now
        defer { writeTimes.observe(since: start) }
        do {
            return try await Task { try await pool.writeWithoutTransaction(body) }.value
        } catch let error as DatabaseError {
            throw noted(Self.storeError(error))
        }
    }

    /// - throws: ``StoreError/readOnly(path:)``.
    func requireWritable() throws(StoreError) {
        guard access == .readWrite else { throw .readOnly(path: path) }
    }

    /// Runs `body` on a reader connection, on a snapshot of its own.
    func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        let start = ContinuousClock.now
        defer { readTimes.observe(since: start) }
        do {
            return try await pool.read(body)
        } catch let error as DatabaseError {
            throw Self.storeError(error)
        }
    }

    private static func openingError(_ error: DatabaseError, path: String) -> StoreError {
        switch error.resultCode {
        case .SQLITE_NOTADB: .foreign(path: path)
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_READONLY:
            .cannotOpen(path: path, reason: error.message ?? "SQLite says \(error.resultCode)")
        default: storeError(error)
        }
    }

    /// A failed constraint is the caller's row, anything else the database's trouble.
    private static func storeError(_ error: DatabaseError) -> StoreError {
        let message = error.message ?? "SQLite says \(error.resultCode)"
        switch error.extendedResultCode {
        case .SQLITE_CONSTRAINT_FOREIGNKEY:
            return .invalidRecord("it names a job or an image that is not in the store")
        default:
            switch error.resultCode {
            case .SQLITE_CONSTRAINT: return .invalidRecord(message)
            case .SQLITE_FULL: return .full(message)
            case .SQLITE_IOERR, .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL:
                return .database(message)
            default: return .unusable(message)
            }
        }
    }
}

extension Store {
    /// The settings of the writer's connection on which the promises of ``Store`` rest, as SQLite reports them.
    package func settings() async throws -> [String: String] {
        try await write { try $0.pragmas(["journal_mode", "synchronous", "foreign_keys", "mmap_size"]) }
    }

    /// Which SQLite this is: `3.40.1`.
    package func libraryVersion() async throws -> String {
        try await read { try String.fetchOne($0, sql: "SELECT sqlite_version()") } ?? "unknown"
    }

    /// The same of a reader's connection.
    package func readerSettings() async throws -> [String: String] {
        try await read { try $0.pragmas(["wal_autocheckpoint", "mmap_size"]) }
    }
}

extension Database {
    fileprivate func pragmas(_ names: [String]) throws -> [String: String] {
        var values: [String: String] = [:]
        for name in names { values[name] = try String.fetchOne(self, sql: "PRAGMA \(name)") }
        return values
    }
}
