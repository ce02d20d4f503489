package import Store
package import StrictJSON

/// A key that is asked for, over HTTP or by `narrowgate keys add`.
package struct KeyRequest: Sendable, Equatable {
    package var name: String
    package var isAdmin: Bool
    package var limits: KeyLimits

    package init(name: String, isAdmin: Bool = false, limits: KeyLimits = KeyLimits()) {
        self.name = name
        self.isAdmin = isAdmin
        self.limits = limits
    }

    static let range = 1...(1 << 50)

    /// Reads the body of `POST /v1/keys`.
    package init(_ members: JSONFields) throws(JSONError) {
        let field = try members.required("name")
        name = try field.string()
        guard !name.isEmpty, name.utf8.count <= 200 else { throw field.invalid("must have 1 to 200 bytes") }
        isAdmin = try members.optional("admin")?.bool() ?? false
        limits = KeyLimits()
        if let given = try members.optional("limits")?.object() {
            limits.jobs = try given.optional("jobs")?.integer(in: Self.range)
            limits.cells = try given.optional("cells")?.integer(in: Self.range)
            limits.requests = try given.optional("requests_per_minute")?.integer(in: Self.range)
            limits.bytes = try given.optional("bytes")?.integer(in: Self.range)
            try given.finish()
        }
        try members.finish()
    }

    package var json: JSONValue {
        ["name": .string(name), "admin": .bool(isAdmin), "limits": limits.json]
    }

    /// Makes the key.
    ///
    /// - Returns: its row, its text, which is not stored, and the hash, which is.
    package func add(to store: Store) async throws -> (record: KeyRecord, text: String, hash: [UInt8]) {
        let key = KeyText()
        let hash = try key.hash()
        let record = try await store.insertKey(id: key.id, hash: hash, name: name, isAdmin: isAdmin, limits: limits)
        return (record, key.text, hash)
    }
}
