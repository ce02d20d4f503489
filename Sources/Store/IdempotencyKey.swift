import GRDB

/// A client's name for a request that it may send again, and what the request was.
package struct IdempotencyKey: Sendable, Equatable {
    package let key: String
    /// The API key whose request it is; two clients may choose the same name without knowing of each other.
    package let owner: String?
    /// A digest of the request: under one key there is one.
    package let request: String

    /// - Parameter owner: id of the API key, where there are keys.
    package init(key: String, request: String, owner: String? = nil) {
        self.key = key
        self.request = request
        self.owner = owner
    }

    /// The name as it is stored.
    private var storedKey: String { owner.map { "\($0):\(key)" } ?? key }

    /// The job that the key has made; `nil` where it has made none.
    ///
    /// - throws: ``StoreError/idempotencyKeyReused(key:job:)`` where it was another request.
    func job(_ database: Database) throws -> JobRecord? {
        let row = try Row.fetchOne(
            database, sql: "SELECT request, job FROM idempotency_keys WHERE key = ?", arguments: [storedKey])
        guard let row else { return nil }
        let (known, job): (String, String) = (row["request"], row["job"])
        guard known == request else { throw StoreError.idempotencyKeyReused(key: key, job: job) }
        return try JobRecord.fetch(job, database)
    }

    func insert(job: String, at moment: Timestamp, _ database: Database) throws {
        try database.execute(
            sql: "INSERT INTO idempotency_keys (key, request, job, created_at) VALUES (?, ?, ?, ?)",
            arguments: [storedKey, request, job, moment.text])
    }
}

extension Store {
    /// The job that a request with this key has made; `nil` where there is none.
    ///
    /// - throws: ``StoreError/idempotencyKeyReused(key:job:)`` where the key was sent with another request.
    package func job(madeBy key: IdempotencyKey) async throws -> JobRecord? {
        try await read { try key.job($0) }
    }
}
