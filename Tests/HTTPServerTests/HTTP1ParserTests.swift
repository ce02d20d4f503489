import HTTPServer
import HTTPTypes
import Testing

/// Runs bytes through a parser and merges neighbouring content, so that cuts cannot show.
func events(_ pieces: [[UInt8]], limits: Limits = Limits()) -> [HTTP1Parser.Event] {
    var parser = HTTP1Parser(limits: limits)
    var all: [HTTP1Parser.Event] = []
    for piece in pieces {
        parser.feed(piece)
        while let event = parser.next() {
            if case .content(let more) = event, case .content(let before)? = all.last {
                all[all.count - 1] = .content(before + more)
            } else {
                all.append(event)
            }
        }
    }
    return all
}

func events(_ text: String, limits: Limits = Limits()) -> [HTTP1Parser.Event] {
    events([Array(text.utf8)], limits: limits)
}

/// A request that must be refused, and why.
struct BadRequest: CustomTestStringConvertible, Sendable {
    let text: String
    let reason: Refusal.Reason

    init(_ text: String, _ reason: Refusal.Reason) {
        self.text = text
        self.reason = reason
    }

    /// `line` among the header fields of a POST with content to smuggle.
    static func field(_ line: String, _ reason: Refusal.Reason) -> BadRequest {
        BadRequest("POST / HTTP/1.1\r\nHost: a\r\n\(line)\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", reason)
    }

    /// `chunks` as the content of a chunked POST.
    static func chunks(_ chunks: String) -> BadRequest {
        BadRequest("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)", .badChunk)
    }

    static func line(_ line: String, _ reason: Refusal.Reason = .badRequestLine) -> BadRequest {
        BadRequest("\(line)\r\nHost: a\r\n\r\n", reason)
    }

    var testDescription: String { text.debugDescription }

    static let all: [BadRequest] = [
        .field("Content-Length: 3\r\nTransfer-Encoding: chunked", .badFraming),
        .field("Transfer-Encoding: chunked\r\nContent-Length: 3", .badFraming),
        .field("Content-Length: 3\r\nContent-Length: 4", .badFraming),
        .field("Content-Length: 3\r\nContent-Length: 3", .badFraming),
        .field("Content-Length: 3, 3", .badFraming),
        .field("Content-Length: +3", .badFraming),
        .field("Content-Length: -3", .badFraming),
        .field("Content-Length: ", .badFraming),
        .field("Content-Length: 0x3", .badFraming),
        .field("Content-Length: 3 3", .badFraming),
        .field("Content-Length: 3;", .badFraming),
        .field("Content-Length: 99999999999999999999", .contentTooLarge),
        .field("Transfer-Encoding: gzip, chunked", .unsupportedCoding),
        .field("Transfer-Encoding: identity", .unsupportedCoding),
        .field("Transfer-Encoding: xchunked", .unsupportedCoding),
        .field("Transfer-Encoding: chunked;q=1", .unsupportedCoding),
        .field("Transfer-Encoding: chunked, gzip", .badFraming),
        .field("Transfer-Encoding: chunked, chunked", .badFraming),
        .field("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", .badFraming),
        .field("Transfer-Encoding: ", .badFraming),
        .field("Transfer-Encoding : chunked", .badHeader),
        .field("Transfer-Encoding\u{0B}: chunked", .badHeader),
        .field("Transfer-Encoding:\u{00}chunked", .badHeader),
        .field("Transfer-Encoding: \"chunked\"", .unsupportedCoding),
        .field("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", .badFraming),
        .field("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", .unsupportedCoding),
        .field("Transfer-Encoding: chunked,", .badFraming),
        .field("Transfer-Encoding:\r\n chunked", .badHeader),
        .field("Content-Length:\u{A0}3", .badFraming),
        .field("Content-Length: 3\u{0}", .badHeader),
        .field("Content-Length: 3\r", .badHeader),
        .field("Content-Length : 3", .badHeader),
        .field("Content-Length: 3\n", .badHeader),
        .field("Content-Length: 3.0", .badFraming),
        .field("Content-Length: 3e0", .badFraming),
        .field("Content-Length: \u{FF13}", .badFraming),
        .field("Transfer-Encoding: , chunked", .badFraming),
        .field("Transfer-Encoding: \u{0B}chunked", .badHeader),
        .field("X: a\0b", .badHeader),
        .field("X: a\u{01}b", .badHeader),
        .field("X: a\u{7F}b", .badHeader),
        .field("X: a\n b", .badHeader),
        .field("X: a\rb", .badHeader),
        .field("X: a\r\n folded", .badHeader),
        .field("X: a\r\n\tfolded", .badHeader),
        .field(" X: a", .badHeader),
        .field("X : a", .badHeader),
        .field("X\t: a", .badHeader),
        .field(": a", .badHeader),
        .field("no colon", .badHeader),
        .field("X(: a", .badHeader),
        .field("Xé: a", .badHeader),
        .field("Host: b", .badHost),
        .field("Host: a", .badHost),
        .field("Expect: 200-maybe", .unsupportedExpectation),
        BadRequest("GET / HTTP/1.1\r\n\r\n", .badHost),
        BadRequest("GET / HTTP/1.1\r\nHost: \r\n\r\n", .badHost),
        BadRequest("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .badHost),
        BadRequest("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .badHost),
        BadRequest("GET / HTTP/1.1\r\nHost: me@a\r\n\r\n", .badHost),
        BadRequest("GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", .badHost),
        BadRequest("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .badHost),
        BadRequest("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", .badHost),
        BadRequest("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", .badFraming),
        BadRequest("GET / HTTP/1.1\nHost: a\n\n", .badRequestLine),
        BadRequest("GET / HTTP/1.1\r\nHost: a\n\r\n", .badHeader),
        BadRequest("GET / HTTP/1.1\rHost: a\r\r", .badRequestLine),
        BadRequest("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .badRequestLine),
        BadRequest("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .badRequestLine),
        BadRequest("\u{16}\u{03}\u{01}", .badRequestLine),
        .line("GET  / HTTP/1.1"), .line("GET / HTTP/1.1 "), .line(" GET / HTTP/1.1"), .line("GET\t/ HTTP/1.1"),
        .line("GET /"), .line("GET"), .line("G@T / HTTP/1.1"), .line("G(T / HTTP/1.1"), .line("GET / a HTTP/1.1"),
        .line("GET / HTTP/1"), .line("GET / HTTP/11"), .line("GET / http/1.1"), .line("GET / HTTP/1.1x"),
        .line("GET / HTTP/a.b"), .line("GET / FTP/1.1"), .line("GET /é HTTP/1.1"),
        .line("GET / HTTP/1.2", .unsupportedVersion), .line("GET / HTTP/2.0", .unsupportedVersion),
        .line("GET / HTTP/0.9", .unsupportedVersion),
        .line("GET x HTTP/1.1", .badTarget), .line("GET * HTTP/1.1", .badTarget),
        .line("GET ?x HTTP/1.1", .badTarget), .line("CONNECT a:80 HTTP/1.1", .badTarget),
        .line("GET https://a/ HTTP/1.1", .badTarget), .line("GET http:///x HTTP/1.1", .badTarget),
        .line("GET /#x HTTP/1.1", .badTarget), .line("GET /%zz HTTP/1.1", .badTarget),
        .line("GET /%2 HTTP/1.1", .badTarget), .line("GET /%00 HTTP/1.1", .badTarget),
        .line("GET /%ff HTTP/1.1", .badTarget), .line("GET /a/../b HTTP/1.1", .badTarget),
        .line("GET /a/%2e%2E/b HTTP/1.1", .badTarget), .line("GET /a\\b HTTP/1.1", .badTarget),
        .chunks("+3\r\nabc\r\n0\r\n\r\n"), .chunks("-3\r\n"), .chunks("0x3\r\nabc\r\n0\r\n\r\n"), .chunks("\r\n"),
        .chunks(" 3\r\nabc\r\n"), .chunks("3 \r\nabc\r\n"), .chunks("3 ;x\r\nabc\r\n"), .chunks("g\r\n"),
        .chunks(";x\r\n"), .chunks("3\nabc\r\n"), .chunks("3\rabc"), .chunks("3\r\nabcd\r\n"),
        .chunks("3\r\nabc\n0\r\n\r\n"), .chunks("3\r\nabc0\r\n\r\n"), .chunks("3\r\nabc\rx"),
        .chunks("ffffffffffffffff\r\n"), .chunks("10000000000000003\r\n"), .chunks("00000000000000003\r\n"),
        .chunks("3;a\0b\r\nabc\r\n"), .chunks("3;\r\nabc\r\n"), .chunks("3; \t\r\nabc\r\n"),
        .chunks("3;=x\r\nabc\r\n"), .chunks("3;a=\r\nabc\r\n"), .chunks("3;a=\"\r\nabc\r\n"),
        .chunks("3;a=\"b\\\"\r\nabc\r\n"), .chunks("3;a=\"b\"c\r\nabc\r\n"), .chunks("3;a b\r\nabc\r\n"),
        .chunks("3;a,b\r\nabc\r\n"), .chunks("3;a=b=c\r\nabc\r\n"), .chunks("3;a;\r\nabc\r\n"),
        .chunks("3;\u{0B}a\r\nabc\r\n"), .chunks("3;a\nabc\r\n"), .chunks("3,3\r\nabc\r\n"), .chunks("3\t\r\nabc\r\n"),
        .chunks("\u{0C}3\r\nabc\r\n"), .chunks("3\u{00}\r\nabc\r\n"), .chunks("1e1.\r\n"), .chunks("0_3\r\nabc\r\n"),
        BadRequest(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n", .badHeader),
    ]
}

@Suite("HTTP/1.1 requests") struct HTTP1ParserTests {
    @Test("a malformed request is refused once, and nothing after it is interpreted", arguments: BadRequest.all)
    func refused(_ bad: BadRequest) throws {
        let all = events(bad.text)
        guard case .refused(let refusal)? = all.last else {
            Issue.record("not refused: \(all)")
            return
        }
        #expect(refusal.reason == bad.reason)
        #expect(all.filter { if case .refused = $0 { true } else { false } }.count == 1)
        #expect(!all.contains(.end))
        #expect((400...599).contains(refusal.status.code))
    }

    private static let texts =
        BadRequest.all.map(\.text) + [
            "GET /v1/x?a=1&b HTTP/1.1\r\nHost: localhost:80\r\nAccept: */*\r\n\r\n",
            "\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /next HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\n\r\n"
                + "3;x=\"y\"\r\nabc\r\n0A\r\n0123456789\r\n0\r\nTrailer: z\r\n\r\nGET / HTTP/1.0\r\n\r\n",
        ]

    @Test("how the bytes are cut makes no difference", arguments: texts)
    func cuts(_ text: String) {
        let bytes = Array(text.utf8)
        let whole = events([bytes])
        #expect(events(bytes.map { [$0] }) == whole)
        for cut in 1..<bytes.count {
            #expect(events([Array(bytes[..<cut]), Array(bytes[cut...])]) == whole, "cut at \(cut)")
        }
    }

    @Test("a chunked content is put together, its trailers dropped, and the next request follows")
    func chunked() throws {
        let all = events(Self.texts.last ?? "")
        #expect(all.count == 5)
        #expect(all[1] == .content(Array("abc0123456789".utf8)))
        #expect(all[2] == .end)
        guard case .head(let head) = all[0], case .head(let next) = all[3] else {
            Issue.record("no heads: \(all)")
            return
        }
        #expect(head.content == .open)
        #expect(head.method == .post)
        #expect(head.headerFields[HTTPField.Name.trailer] == nil)
        #expect(next.protocolVersion == .http10)
        #expect(!next.keepsConnection)
    }

    @Test(
        "a header section that repeats the one before means the same, however it is cut, and one that only begins like it does not"
    )
    func repeatedSections() {
        let poll = "GET /v1/jobs/a?x=%20 HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"
        let texts = [
            poll, poll, "\r\n" + poll, poll.replacing("Accept: */*", with: "Accept: */*\r\nRange: bytes=0-1"),
            "POST /v1/jobs/a?x=%20 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi",
            "POST /v1/jobs/a?x=%20 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nho", poll, poll,
            poll.replacing("localhost", with: "localh0st"), poll, "GET / HTTP/1.1\r\n\r\n", poll,
        ]
        // Nothing follows the refusal of the last but one; until there each request is read by a parser of its own.
        let apart = texts.dropLast().flatMap { events($0) }
        #expect(events(texts.joined()) == apart)
        #expect(events(texts.map { Array($0.utf8) }) == apart)
        #expect(events(texts.joined().utf8.map { [$0] }) == apart)
    }

    @Test("pipelined requests come out one at a time, as they are asked for")
    func pipelined() throws {
        var parser = HTTP1Parser(limits: Limits())
        parser.feed(Array("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        guard case .head(let first)? = parser.next() else { throw Unexpected() }
        #expect(first.target.segments == ["1"])
        #expect(parser.next() == .end)
        #expect(!parser.isBetweenRequests)
        guard case .head(let second)? = parser.next() else { throw Unexpected() }
        #expect(second.target.segments == ["2"])
        #expect(parser.next() == .end)
        #expect(parser.isBetweenRequests)
    }

    @Test("a request in absolute form is accepted when its host agrees")
    func absoluteForm() throws {
        guard case .head(let head)? = events("GET HTTP://A:80/x?y=z HTTP/1.1\r\nHost: a:80\r\n\r\n").first else {
            throw Unexpected()
        }
        #expect(head.target.text == "/x?y=z")
        guard case .head(let star)? = events("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").first else { throw Unexpected() }
        #expect(star.target == .asterisk)
    }

    @Test("100-continue is noticed where there is content, and ignored from HTTP/1.0")
    func expectation() throws {
        func expects(_ text: String) -> Bool? {
            if case .head(let head)? = events(text).first { head.expectsContinue } else { nil }
        }
        #expect(expects("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n") == true)
        #expect(expects("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n") == false)
        #expect(expects("PUT / HTTP/1.0\r\nExpect: anything\r\nContent-Length: 1\r\n\r\n") == false)
    }

    @Test("what is too long is refused by its own status")
    func limits() {
        var limits = Limits()
        limits.requestLine = 40
        limits.headerSection = 60
        limits.fieldCount = 4
        limits.chunkExtensions = 10
        func reason(_ text: String) -> Refusal.Reason? {
            if case .refused(let refusal)? = events(text, limits: limits).last { refusal.reason } else { nil }
        }
        let long = String(repeating: "x", count: 70)
        #expect(reason("GET /\(long) HTTP/1.1\r\n") == .targetTooLong)
        #expect(reason("GET /\(long)") == .targetTooLong)
        #expect(reason("GET / HTTP/1.1\r\nX: \(long)") == .headersTooLarge)
        #expect(reason("GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n") == .headersTooLarge)
        let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        #expect(reason(chunked + "1;\(long)") == .badChunk)
        #expect(reason(chunked + "1;\r\n") == .badChunk)
        #expect(reason(chunked + "1;12345\r\nx\r\n1;12345\r\n") == .badChunk)
        #expect(reason(chunked + "0\r\nX: \(long)") == .headersTooLarge)
        #expect(reason("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == nil)
    }

    @Test("chunks that announce more than the content may be are refused at the size line")
    func announcedChunks() throws {
        var parser = HTTP1Parser(limits: Limits())
        parser.feed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        guard case .head = parser.next() else { throw Unexpected() }
        parser.contentLimit = 5
        parser.feed("3\r\nabc\r\n".utf8)
        #expect(parser.next() == .content(Array("abc".utf8)))
        parser.feed("3\r\n".utf8)
        guard case .refused(let refusal) = parser.next() else { throw Unexpected() }
        #expect(refusal.reason == .contentTooLarge)
    }
}

/// A test met what it did not expect, and cannot go on.
struct Unexpected: Error {}
