import HTTPTypes

/// A header section of HTTP/1.1 while its lines come in, and what they mean together.
struct HTTP1Head: Sendable {
    private var method = HTTPRequest.Method.get
    private var target = RequestTarget.asterisk
    /// The authority of a target in absolute form; must agree with `Host`.
    private var targetAuthority: Authority?
    private var version = Request.ProtocolVersion.http11
    private var headerFields = HTTPFields()
    private var host: String?
    private var contentLength: Int?
    private var codings: [String]?
    private var expectation: String?
    private var closes = false
    private var keepsAlive = false

    init() {}

    /// Reads `method SP request-target SP HTTP-version` (RFC 9112 §3), with exactly these two spaces.
    init(requestLine line: ArraySlice<UInt8>, isSecure: Bool) throws(Refusal) {
        let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3 else {
            throw Refusal(.badRequestLine, "the request line must be a method, a target and a version, one space apart")
        }
        guard let method = Self.method(parts[0]) else {
            throw Refusal(.badRequestLine, "the method must be a token")
        }
        self.method = method
        version = try Self.version(parts[2])
        (target, targetAuthority) = try Self.target(parts[1], method, isSecure)
    }

    private static func method(_ bytes: ArraySlice<UInt8>) -> HTTPRequest.Method? {
        guard !bytes.isEmpty, bytes.allSatisfy(isTokenByte) else { return nil }
        return HTTPRequest.Method(String(decoding: bytes, as: UTF8.self))
    }

    private static func version(_ bytes: ArraySlice<UInt8>) throws(Refusal) -> Request.ProtocolVersion {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let from = bytes.startIndex
        guard bytes.count == 8, bytes.starts(with: "HTTP/".utf8), digits ~= bytes[from + 5],
            bytes[from + 6] == UInt8(ascii: "."), digits ~= bytes[from + 7]
        else { throw Refusal(.badRequestLine, "the request line must end with HTTP/1.1 or HTTP/1.0") }
        switch (bytes[from + 5], bytes[from + 7]) {
        case (UInt8(ascii: "1"), UInt8(ascii: "1")): return .http11
        case (UInt8(ascii: "1"), UInt8(ascii: "0")): return .http10
        default: throw Refusal(.unsupportedVersion, "this server speaks HTTP/1.1, HTTP/1.0 and HTTP/2")
        }
    }

    private static func target(
        _ bytes: ArraySlice<UInt8>, _ method: HTTPRequest.Method, _ isSecure: Bool
    ) throws(Refusal) -> (RequestTarget, Authority?) {
        let text = String(decoding: bytes, as: UTF8.self)
        if bytes.first == UInt8(ascii: "/") { return (try RequestTarget(text), nil) }
        if text == "*" {
            guard method == .options else { throw Refusal(.badTarget, "the target * is for OPTIONS alone") }
            return (.asterisk, nil)
        }
        let scheme = isSecure ? "https://" : "http://"
        guard text.prefix(scheme.count).lowercased() == scheme else {
            throw Refusal(.badTarget, "the request target must be a path that begins with a slash")
        }
        let rest = text.dropFirst(scheme.count)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        guard let authority = Authority(rest[..<end]) else {
            throw Refusal(.badTarget, "the request target names no valid host")
        }
        if end == rest.endIndex, method == .options { return (.asterisk, authority) }
        let origin = rest[end...]
        return (try RequestTarget(origin.hasPrefix("/") ? String(origin) : "/" + origin), authority)
    }

    /// Takes a field line apart: `field-name ":" OWS field-value OWS` (RFC 9112 §5), not folded.
    static func split(_ line: ArraySlice<UInt8>) throws(Refusal) -> (name: HTTPField.Name, value: ArraySlice<UInt8>) {
        guard line.first != 0x20, line.first != 0x09 else {
            throw Refusal(.badHeader, "a header field must not be folded over several lines")
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            throw Refusal(.badHeader, "a header field must have a colon after its name")
        }
        let nameBytes = line[..<colon]
        guard !nameBytes.isEmpty, nameBytes.allSatisfy(isTokenByte),
            let name = HTTPField.Name(String(decoding: nameBytes, as: UTF8.self))
        else {
            throw Refusal(.badHeader, "a header field name must be a token, directly followed by the colon")
        }
        return (name, trimmed(line[(colon + 1)...]))
    }

    /// Adds one field line; what bears on framing is checked here and in ``finish()``.
    mutating func add(fieldLine line: ArraySlice<UInt8>) throws(Refusal) {
        let (name, value) = try Self.split(line)
        let field = HTTPField(name: name, value: value)
        switch name.canonicalName {
        case "host":
            guard host == nil else { throw Refusal(.badHost, "there must be one Host field, not several") }
            host = field.value
        case "content-length":
            guard contentLength == nil else {
                throw Refusal(.badFraming, "there must be at most one Content-Length field")
            }
            contentLength = try Self.length(value)
        case "transfer-encoding":
            codings = (codings ?? []) + Self.list(field.value)
        case "connection":
            for option in Self.list(field.value) {
                if option == "close" { closes = true }
                if option == "keep-alive" { keepsAlive = true }
            }
        case "expect":
            expectation = expectation.map { $0 + "," + field.value } ?? field.value
        default: break
        }
        headerFields.append(field)
    }

    /// What the header section says as a whole (RFC 9112 §3.2, §6).
    func finish() throws(Refusal) -> RequestHead {
        let authority = try checkedAuthority()
        let content = try framing()
        var expectsContinue = false
        // A 1.0 client cannot wait for an interim answer: RFC 9110 §10.1.1 has its expectation ignored.
        if let expectation, version == .http11 {
            guard expectation.lowercased() == "100-continue" else {
                throw Refusal(.unsupportedExpectation, "the only expectation this server meets is 100-continue")
            }
            expectsContinue = content != .none
        }
        return RequestHead(
            method: method, target: target, protocolVersion: version, headerFields: headerFields,
            authority: authority, content: content, expectsContinue: expectsContinue,
            keepsConnection: !closes && (version == .http11 || keepsAlive))
    }

    private func checkedAuthority() throws(Refusal) -> Authority? {
        guard let host else {
            guard version == .http10 else { throw Refusal(.badHost, "a request must have a Host field") }
            return targetAuthority
        }
        guard let authority = Authority(host) else {
            throw Refusal(.badHost, "the Host field must be a name or an address, with or without a port")
        }
        guard targetAuthority == nil || targetAuthority == authority else {
            throw Refusal(.badHost, "the Host field must agree with the host in the request target")
        }
        return authority
    }

    /// Exactly one reading of where the content ends, or none at all (RFC 9112 §6.1, §6.3).
    private func framing() throws(Refusal) -> RequestHead.Content {
        guard let codings else { return contentLength.map { $0 == 0 ? .none : .length($0) } ?? .none }
        guard version == .http11 else {
            throw Refusal(.badFraming, "Transfer-Encoding must not be used with HTTP/1.0")
        }
        guard contentLength == nil else {
            throw Refusal(.badFraming, "Content-Length and Transfer-Encoding must not be used together")
        }
        if let unknown = codings.first(where: { $0 != "chunked" && !$0.isEmpty }) {
            guard !codings.dropLast().contains("chunked") else {
                throw Refusal(.badFraming, "chunked must be the last transfer coding")
            }
            throw Refusal(.unsupportedCoding, "the transfer coding \"\(unknown)\" is not supported; use chunked")
        }
        guard codings == ["chunked"] else {
            throw Refusal(.badFraming, "Transfer-Encoding must be chunked, once")
        }
        return .open
    }

    /// `1*DIGIT`, nothing else.
    private static func length(_ value: ArraySlice<UInt8>) throws(Refusal) -> Int {
        guard !value.isEmpty, value.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else {
            throw Refusal(.badFraming, "Content-Length must be decimal digits")
        }
        guard let length = Int(String(decoding: value, as: UTF8.self)) else {
            throw Refusal(.contentTooLarge, "Content-Length is larger than any content this server accepts")
        }
        return length
    }

    /// A comma-separated list, in lower case, empty elements kept.
    private static func list(_ value: String) -> [String] {
        value.lowercased().utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map {
            String(decoding: trimmed(ArraySlice($0)), as: UTF8.self)
        }
    }

    /// `bytes` without the spaces and tabs around them.
    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = bytes
        while let first = rest.first, first == 0x20 || first == 0x09 { rest.removeFirst() }
        while let last = rest.last, last == 0x20 || last == 0x09 { rest.removeLast() }
        return rest
    }
}

/// Whether `byte` may stand in a token (RFC 9110 §5.6.2).
func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
        UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
        true
    default: false
    }
}
