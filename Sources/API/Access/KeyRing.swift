import HTTPServer
import HTTPTypes
package import Store
import Synchronization

/// The keys of this server, in memory: every request looks here, and none waits for the store.
///
/// The store has one writer, this process, so that what is added and revoked goes through here and holds at once.
package final class KeyRing: Sendable {
    private struct Key {
        var record: KeyRecord
        let hash: [UInt8]
        var bucket: TokenBucket?
    }

    private let keys = Mutex([String: Key]())

    /// No keys: every request is let in.
    package init() {}

    /// The keys that the store has.
    package init(_ store: Store) async throws {
        for (record, hash) in try await store.keys() { add(record, hash: hash) }
    }

    /// Whether there is a key, or was one: then every request needs one.
    package var isInUse: Bool { keys.withLock { !$0.isEmpty } }

    func add(_ record: KeyRecord, hash: [UInt8]) {
        keys.withLock {
            $0[record.id] = Key(
                record: record, hash: hash, bucket: record.limits.requests.map { TokenBucket(perMinute: $0) })
        }
    }

    func update(_ record: KeyRecord) { keys.withLock { $0[record.id]?.record = record } }

    /// Whose request it is; `nil` where there are no keys, and whatever a client sends means nothing.
    ///
    /// - throws: ``Problem``: 401, 403 or 429.
    func admit(_ fields: HTTPFields, to access: Access) throws -> KeyRecord? {
        guard access != .open, isInUse else { return nil }
        let key = try authenticate(fields)
        if access == .admin, !key.isAdmin {
            throw Problem(.adminOnly, "only a key that was made with --admin may do this")
        }
        if let seconds = keys.withLock({ $0[key.id]?.bucket?.take() }) {
            var problem = Problem(
                .rateLimited, "this key may make \(key.limits.requests ?? 0) requests a minute; wait \(seconds) s")
            problem.headerFields[.retryAfter] = "\(seconds)"
            throw problem
        }
        return key
    }

    /// The key that a request brings.
    func authenticate(_ fields: HTTPFields) throws -> KeyRecord {
        let given = fields[values: .authorization]
        guard given.count == 1, let text = Self.bearer(given[0]) else {
            throw Self.challenge(
                .missingKey, "this server asks for a key: send it as Authorization: Bearer ng_…", error: nil)
        }
        // An id that is not there is compared with, too, so that the time does not tell.
        let key = KeyText(text)
        let known = key.flatMap { key in keys.withLock { $0[key.id] } }
        let isEqual = KeyText.equal(try key?.hash() ?? [], known?.hash ?? Self.nobody)
        guard isEqual, let known, known.record.revokedAt == nil else {
            throw Self.challenge(
                .invalidKey, "the key is none of this server's, or was revoked", error: "invalid_token")
        }
        return known.record
    }

    private static let nobody = [UInt8](repeating: 0, count: 32)

    private static func bearer(_ field: String) -> String? {
        let parts = field.split(separator: " ", omittingEmptySubsequences: true)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1])
    }

    /// 401 with what RFC 6750 §3 asks for.
    private static func challenge(_ code: ProblemCode, _ explanation: String, error: String?) -> Problem {
        var problem = Problem(code, explanation)
        problem.headerFields[.wwwAuthenticate] =
            "Bearer realm=\"narrowgate\"" + (error.map { ", error=\"\($0)\"" } ?? "")
        return problem
    }
}

/// Who may use a route once there are keys.
enum Access: Sendable {
    /// Anybody: it tells nothing about anybody's work.
    case open
    /// Any key; it sees its own.
    case key
    case admin
}
