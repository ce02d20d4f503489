import Foundation
import HTTPServer
import HTTPTypes
import Testing

@Suite("Compressed answers") struct ContentCodingTests {
    /// Text of `count` bytes under a media type, as the path says: `/application/json/5000`, or `/stream`.
    private static let handler: Handler = { request in
        var fields: HTTPFields = [.contentType: request.segments.dropLast().joined(separator: "/"), .vary: "Accept"]
        if request.segments == ["stream"] {
            fields[.contentType] = "application/x-ndjson"
            return Response(
                headerFields: fields,
                content: .stream { writer in
                    for piece in 0..<100 {
                        try await writer.write((0..<200).map { "{\"row\":\(piece * 200 + $0)}\n" }.joined())
                    }
                })
        }
        if request.query.first?.name == "tag" { fields[.eTag] = request.query.first?.value }
        if request.query.first?.name == "range" { fields[.acceptRanges] = "bytes" }
        if request.query.first?.name == "control" { fields[.cacheControl] = "no-transform" }
        let count = Int(request.segments.last ?? "") ?? 0
        return Response(headerFields: fields, content: .bytes([UInt8](repeating: 97, count: count)))
    }

    @Test(
        "gzip is used where it is welcome, and no less so than nothing",
        arguments: [
            ("gzip", true), ("deflate, gzip", true), ("GZIP;Q=0.5", true), ("x-gzip", true), ("*", true),
            ("br, *;q=0.1", true),
            ("gzip;q=0.5, identity;q=0.5", true), ("gzip;q=0.4, identity", false), ("gzip;q=0", false),
            ("*;q=0", false), ("br", false), ("", false), ("identity", false), ("gzip;q=nonsense", false),
            ("gzip;q=0, *", false),
        ])
    func negotiation(_ accepted: String, _ expected: Bool) async throws {
        try await withServer(handler: Self.handler) { port in
            let client = try RawClient(port: port)
            client.send(
                "HEAD /application/json/5000 HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: \(accepted)\r\n"
                    + "Connection: close\r\n\r\n")
            let head = try await client.readAll()
            #expect(head.contains("Content-Encoding: gzip\r\n") == expected)
            #expect(head.contains("Content-Length: 5000\r\n") != expected)
            #expect(head.contains("Vary: Accept, Accept-Encoding\r\n"))
        }
    }

    @Test("text from 1 KiB on is compressed; pictures, events, ranges and what strong tags name are not")
    func kinds() async throws {
        try await withServer(handler: Self.handler) { port in
            for (path, expected) in [
                ("application/json/1024", true), ("application/json/1023", false),
                ("application/problem+json/2000", true),
                ("text/csv/2000", true), ("text/html/2000", true), ("image/svg+xml/2000", true),
                ("image/png/2000", false),
                ("application/octet-stream/2000", false), ("text/event-stream/2000", false),
                ("application/json/2000?range", false), ("application/json/2000?control", false),
                ("application/json/2000?tag=%22a%22", false), ("application/json/2000?tag=W/%22a%22", true),
            ] {
                let url = "http://127.0.0.1:\(port)/\(path)"
                let head = try await curl("--compressed", "-D", "-", "-o", "/dev/null", url)
                #expect(head.contains("Content-Encoding: gzip") == expected, "\(path)")
            }
        }
    }

    @Test("what is compressed is the same once undone, streamed or not, over every version")
    func sameContent() async throws {
        try await withServer(handler: Self.handler) { port in
            let url = "http://127.0.0.1:\(port)"
            let plain = try await curl(url + "/stream")
            #expect(plain.hasSuffix("{\"row\":19999}\n"))
            for version in ["--http1.0", "--http1.1", "--http2-prior-knowledge"] {
                #expect(try await curl(version, "--compressed", url + "/stream") == plain)
                #expect(try await curl(version, "--compressed", url + "/text/plain/200000").count == 200_000)
                let size = try await curl(
                    version, "-H", "Accept-Encoding: gzip", "-o", "/dev/null", "-w", "%{size_download}", url + "/stream"
                )
                #expect(try #require(Int(size)) < plain.utf8.count)
            }
        }
    }
}
