/// A key's row, without its hash.
package struct KeyRecord: Sendable, Equatable {
    /// The part of the key's text that may be shown: eight hexadecimal digits.
    package let id: String
    /// Whose it is, for people.
    package let name: String
    /// Sees everybody's jobs, pictures and states, and makes keys.
    package let isAdmin: Bool
    package let limits: KeyLimits
    package let createdAt: Timestamp
    package let revokedAt: Timestamp?

    /// To whom jobs, pictures and states must belong that this key may see; `nil` sees all.
    package var scope: String? { isAdmin ? nil : id }
}

/// How much one key may use; `nil` is no limit beside the server's own.
package struct KeyLimits: Sendable, Equatable {
    /// Unfinished jobs.
    package var jobs: Int?
    /// Cells of unfinished jobs that are not recorded yet.
    package var cells: Int?
    /// Requests a minute.
    package var requests: Int?
    /// Bytes of pictures and states.
    package var bytes: Int?

    package init(jobs: Int? = nil, cells: Int? = nil, requests: Int? = nil, bytes: Int? = nil) {
        self.jobs = jobs
        self.cells = cells
        self.requests = requests
        self.bytes = bytes
    }
}

/// What a key has used up.
package enum Quota: String, Sendable, Equatable {
    case jobs, cells, bytes
}

/// What may belong to a key.
package enum Belonging: Sendable, Equatable {
    case job(String)
    case image(String)
    case state(String)
}
