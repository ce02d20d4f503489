import HTTPTypes

/// What a client would like the server to do (`Prefer`, RFC 7240). Unknown preferences mean nothing.
struct Preferences: Sendable, Equatable {
    /// `respond-async`: a job rather than an answer.
    var respondsAsynchronously = false
    /// `wait=N`: seconds until which the job's end may be waited for; no more than ``longestWait``.
    var wait: Int?

    /// Longer waits are cut to this many seconds; a client that wants more asks again.
    static let longestWait = 300

    init(_ fields: HTTPFields) {
        for text in fields[values: .prefer].flatMap({ MediaType.split($0, at: ",") }) {
            // A preference's own parameters follow a semicolon; ours have none.
            let preference = MediaType.split(text, at: ";")[0].trimmed
            let equals = preference.firstIndex(of: "=") ?? preference.endIndex
            let value = MediaType.unquoted(preference[equals...].dropFirst().trimmed)
            switch preference[..<equals].trimmed.lowercased() {
            case "respond-async": respondsAsynchronously = true
            // Of two equal preferences the first counts (§2).
            case "wait" where wait == nil:
                if let seconds = Int(value), seconds >= 0 { wait = min(seconds, Self.longestWait) }
            default: break
            }
        }
    }

    /// The field that says which of them were followed.
    static func applied(asynchronous: Bool = false, wait: Int? = nil) -> HTTPFields {
        let applied = (asynchronous ? ["respond-async"] : []) + (wait.map { ["wait=\($0)"] } ?? [])
        return applied.isEmpty ? [:] : [.preferenceApplied: applied.joined(separator: ", ")]
    }
}
