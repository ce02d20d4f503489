/// The origin-form request target, taken apart (RFC 9112 §3.2.1, RFC 3986).
///
/// The path is split at its slashes before anything is decoded, so that `%2F` stays inside its
/// segment. Segments `.` and `..`, in any spelling, are refused: no route has them, and whoever
/// sends them hopes that two programs read them differently.
package struct RequestTarget: Sendable, Hashable {
    /// As received: path and query, undecoded; or `*`.
    package let text: String
    /// Decoded segments: `/v1/jobs/a%20b` is `["v1", "jobs", "a b"]`, `/` is none; a slash at the
    /// end leaves an empty last segment.
    package let segments: [String]
    /// Decoded `name=value` pairs in order; a name alone has an empty value.
    package let query: [QueryItem]

    /// One `name=value` of a query.
    package struct QueryItem: Sendable, Hashable {
        package let name: String
        package let value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// `*`, the target of `OPTIONS` for the whole server.
    package static let asterisk = RequestTarget(asterisk: ())

    private init(asterisk: Void) {
        text = "*"
        segments = ["*"]
        query = []
    }

    /// The target in `text`, which begins with a slash.
    ///
    /// - throws: ``Refusal`` (`badTarget`) for other forms, characters that no URI may hold raw,
    ///   broken escapes, NUL, text that is not UTF-8 and dot segments.
    package init(_ text: String) throws(Refusal) {
        let bytes = Array(text.utf8)
        guard bytes.first == UInt8(ascii: "/") else {
            throw Refusal(.badTarget, "the request target must begin with a slash")
        }
        guard !bytes.contains(where: Self.isForbidden) else {
            throw Refusal(.badTarget, "the request target has a character that must be percent-encoded")
        }
        let pathEnd = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.count
        var segments: [String] = []
        if pathEnd > 1 {
            for raw in bytes[1..<pathEnd].split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
                let segment = try Self.decode(raw, plusIsSpace: false)
                guard segment != ".", segment != ".." else {
                    throw Refusal(.badTarget, "the request target must not have the path segments . and ..")
                }
                segments.append(segment)
            }
        }
        var query: [QueryItem] = []
        if pathEnd + 1 < bytes.count {
            for pair in bytes[(pathEnd + 1)...].split(separator: UInt8(ascii: "&")) {
                let nameEnd = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
                query.append(
                    QueryItem(
                        name: try Self.decode(pair[..<nameEnd], plusIsSpace: true),
                        value: try Self.decode(pair[nameEnd...].dropFirst(), plusIsSpace: true)))
            }
        }
        self.text = text
        self.segments = segments
        self.query = query
    }

    /// Decoded segments with a slash before each. A segment may itself hold a slash: match on
    /// ``segments``, show this.
    package var path: String {
        text == "*" ? "*" : segments.isEmpty ? "/" : segments.reduce(into: "") { $0 += "/" + $1 }
    }

    /// The value of the first query item called `name`.
    package func first(named name: String) -> String? {
        query.first { $0.name == name }?.value
    }

    /// What is never allowed raw: controls, space, non-ASCII, and the delimiters that RFC 3986
    /// leaves out. Square brackets are let through because browsers send them raw in queries.
    private static func isForbidden(_ byte: UInt8) -> Bool {
        switch byte {
        case ...0x20, 0x7F..., UInt8(ascii: "#"), UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"),
            UInt8(ascii: "\\"), UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "{"), UInt8(ascii: "|"),
            UInt8(ascii: "}"):
            true
        default: false
        }
    }

    private static func decode(_ raw: ArraySlice<UInt8>, plusIsSpace: Bool) throws(Refusal) -> String {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(raw.count)
        var at = raw.startIndex
        while at < raw.endIndex {
            switch raw[at] {
            case UInt8(ascii: "%"):
                guard at + 2 < raw.endIndex, let high = hexadecimalDigit(raw[at + 1]),
                    let low = hexadecimalDigit(raw[at + 2])
                else { throw Refusal(.badTarget, "a % in the request target must be followed by two hex digits") }
                let byte = high << 4 | low
                guard byte != 0 else { throw Refusal(.badTarget, "the request target must not have %00") }
                decoded.append(byte)
                at += 3
            case UInt8(ascii: "+") where plusIsSpace:
                decoded.append(0x20)
                at += 1
            case let byte:
                decoded.append(byte)
                at += 1
            }
        }
        guard let text = String(validating: decoded, as: UTF8.self) else {
            throw Refusal(.badTarget, "the request target must be UTF-8 once its escapes are decoded")
        }
        return text
    }
}

/// The value of a hexadecimal digit.
func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
