import Foundation
import HTTPServer
import HTTPTypes
import Testing

/// What the server under test answers; see the cases.
@Sendable func answer(_ request: Request) async -> Response {
    switch request.path {
    case "/stream":
        return Response(
            content: .stream { writer in
                for index in 0..<1000 {
                    try await writer.write([UInt8](repeating: UInt8(97 + index % 26), count: 2000))
                }
            })
    case "/sized", "/short", "/long":
        var response = Response(
            content: .stream { writer in
                for _ in 0..<1000 { try await writer.write([UInt8](repeating: 97, count: 2000)) }
            })
        response.contentLength = ["/sized": 2_000_000, "/short": 1_999_999, "/long": 2_000_001][request.path]
        return response
    case "/broken":
        return Response(
            content: .stream { writer in
                try await writer.write("begun")
                throw Unexpected()
            })
    case "/empty": return Response(status: .noContent)
    default:
        return Response(text: "\(request.method) \(request.path) \(request.content.count) \(request.protocolVersion)")
    }
}

/// Runs `body` with the port of a server of its own, then ends that server.
func withServer(
    limits: Limits = Limits(), tls: TLSFiles? = nil, handler: @escaping Handler = answer,
    _ body: (UInt16) async throws -> Void
) async throws {
    var configuration = ServerConfiguration()
    configuration.limits = limits
    configuration.tls = tls
    configuration.needsContent = { method, target in method == .post && target.path == "/needy" }
    configuration.contentLimit = { _, target in target.path == "/small" ? 10 : 64 * 1024 * 1024 }
    let server = Server(
        configuration, immediate: { $0.target.text == "/livez" ? Response(text: "alive") : nil }, handler: handler)
    let address = try await server.start()
    do {
        try await body(address.port)
    } catch {
        await server.shutdown(grace: .zero)
        throw error
    }
    await server.shutdown(grace: .zero)
}

private let ending = "Host: localhost\r\nConnection: close\r\n\r\n"

@Suite("The server over HTTP/1.1") struct ServerTests {
    @Test("pipelined requests are answered in order, immediate and slow ones alike")
    func pipelining() async throws {
        try await withServer { port in
            let client = try RawClient(port: port)
            let host = "Host: localhost\r\n"
            client.send("GET /1 HTTP/1.1\r\n\(host)\r\nGET /livez HTTP/1.1\r\n\(host)\r\nPOST /2 HTTP/1.1\r\n\(host)")
            client.send("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nHEAD /3 HTTP/1.1\r\n\(host)\r\n")
            client.send("GET /4 HTTP/1.1\r\n" + ending)
            let all = try await client.readAll()
            let bodies = ["GET /1 0", "alive", "POST /2 3", "GET /4 0"].map { all.range(of: $0)?.lowerBound }
            #expect(!bodies.contains(nil))
            #expect(bodies.compactMap(\.self) == bodies.compactMap(\.self).sorted())
            #expect(!all.contains("HEAD /3"))
            #expect(all.split(separator: "HTTP/1.1 200 OK").count == 5)
            #expect(all.contains("Connection: close"))
        }
    }

    @Test("a malformed request is answered once, with its status, and nothing behind it is", arguments: BadRequest.all)
    func malformed(_ bad: BadRequest) async throws {
        try await withServer { port in
            let client = try RawClient(port: port)
            client.send(bad.text.replacing("Host: a\r\n", with: "Host: localhost\r\n"))
            client.send("\r\n\r\nGET /behind HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let all = try await client.readAll()
            #expect(all.hasPrefix("HTTP/1.1 \(Refusal(bad.reason, "").status.code) "))
            #expect(all.split(separator: "\r\nDate: ").count == 2)
            #expect(all.contains("\r\nConnection: close\r\n") && !all.contains("GET /"))
        }
    }

    @Test("wrong hosts and other sites are refused")
    func origins() async throws {
        try await withServer { port in
            let url = "http://127.0.0.1:\(port)/"
            for version in ["--http1.1", "--http2-prior-knowledge"] {
                let served = try await status(version, url)
                #expect(served == "200")
                #expect(try await status(version, "-H", "Host: evil.example", url) == "421")
                #expect(try await status(version, "-H", "Origin: http://evil", url) == "403")
            }
        }
    }

    @Test("content over the limit is refused, announced or not")
    func tooLarge() async throws {
        try await withServer { port in
            let announced = try RawClient(port: port)
            announced.send(
                "POST /small HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n")
            #expect(try await announced.readAll().hasPrefix("HTTP/1.1 413 "))
            let chunked = try RawClient(port: port)
            chunked.send("POST /small HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n")
            chunked.send("6\r\n123456\r\n")
            #expect(try await chunked.readAll().hasPrefix("HTTP/1.1 413 "))
        }
    }

    @Test("a request that is nothing without content must say how it is framed")
    func lengthRequired() async throws {
        try await withServer { port in
            func status(_ framing: String) async throws -> String {
                let client = try RawClient(port: port)
                client.send("POST /needy HTTP/1.1\r\n\(framing)" + ending)
                return String(try await client.readAll().prefix(12))
            }
            #expect(try await status("") == "HTTP/1.1 411")
            #expect(try await status("Content-Length: 0\r\n") == "HTTP/1.1 200")
            let old = try RawClient(port: port)
            old.send("POST /needy HTTP/1.0\r\n\r\n")
            #expect(try await old.readAll().hasPrefix("HTTP/1.1 411 "))
        }
    }

    @Test("a client that does not read is let go, and so is the work for it")
    func slowReader() async throws {
        var limits = Limits()
        limits.writeTimeout = .milliseconds(20)
        let (gone, report) = AsyncStream.makeStream(of: Int.self)
        let handler: Handler = { _ in
            Response(
                content: .stream { writer in
                    var written = 0
                    do {
                        while true {
                            try await writer.write([UInt8](repeating: 7, count: 65536))
                            written += 65536
                        }
                    } catch {
                        report.yield(written)
                        throw error
                    }
                })
        }
        try await withServer(limits: limits, handler: handler) { port in
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            // What the two sockets hold is the kernel's to say; the server itself holds little.
            for await written in gone {
                #expect(written < 64 << 20)
                break
            }
            withExtendedLifetime(client) {}
        }
    }

    @Test("100 Continue is sent to whoever waits for it, and the content then read")
    func continues() async throws {
        try await withServer { port in
            let client = try RawClient(port: port)
            client.send("POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n" + ending)
            #expect(try await client.read(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            client.send("abc")
            #expect(try await client.readAll().hasSuffix("POST /x 3 http11"))
        }
    }

    @Test("a client that ends its side still gets its answers, the slow one too")
    func halfClose() async throws {
        try await withServer { port in
            let client = try RawClient(port: port)
            client.send("GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /2 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            client.endSending()
            let all = try await client.readAll()
            #expect(all.contains("GET /1 0") && all.contains("GET /2 0"))
        }
    }

    @Test("a client that ends its side while it waits is asked whether it is there, and then answered")
    func halfCloseWhileWaiting() async throws {
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let (released, release) = AsyncStream.makeStream(of: Void.self)
        let handler: Handler = { _ in
            start.yield()
            for await _ in released { break }
            return Response(text: "late")
        }
        try await withServer(handler: handler) { port in
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for await _ in started { break }
            client.endSending()
            #expect(try await client.read(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            release.yield()
            #expect(try await client.readAll().hasSuffix("late"))
        }
    }

    @Test("HTTP/1.0 clients get a plain answer and the end of the connection")
    func oldClients() async throws {
        try await withServer { port in
            let client = try RawClient(port: port)
            client.send("GET /stream HTTP/1.0\r\n\r\n")
            let all = try await client.readAll()
            #expect(!all.contains("chunked"))
            #expect(all.count > 2_000_000)
            let kept = try RawClient(port: port)
            kept.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(try await kept.read(until: "http10").contains("Connection: keep-alive"))
        }
    }

    @Test("slow headers and contents are answered 408, idle connections closed without a word")
    func timeouts() async throws {
        // One short limit for each server: a client that gets no time on a busy machine must not meet another one first.
        var slowHeader = Limits()
        slowHeader.headerTimeout = .milliseconds(20)
        try await withServer(limits: slowHeader) { port in
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHo")
            #expect(try await client.readAll().hasPrefix("HTTP/1.1 408 "))
        }
        var slowContent = Limits()
        slowContent.contentTimeout = .milliseconds(20)
        try await withServer(limits: slowContent) { port in
            let client = try RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n")
            #expect(try await client.readAll().hasPrefix("HTTP/1.1 408 "))
        }
        var idle = Limits()
        idle.idleTimeout = .milliseconds(20)
        try await withServer(limits: idle) { port in
            let client = try RawClient(port: port)
            #expect(try await client.readAll() == "")
        }
    }

    @Test("all contents together have a bound")
    func budget() async throws {
        var limits = Limits()
        limits.bufferedContent = 1000
        try await withServer(limits: limits) { port in
            for _ in 0..<3 {
                let client = try RawClient(port: port)
                client.send("POST / HTTP/1.1\r\nContent-Length: 900\r\n" + ending)
                client.send([UInt8](repeating: 1, count: 900))
                #expect(try await client.readAll().hasPrefix("HTTP/1.1 200 "))
            }
            let client = try RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nContent-Length: 1100\r\n" + ending)
            client.send([UInt8](repeating: 1, count: 1100))
            #expect(try await client.readAll().hasPrefix("HTTP/1.1 503 "))
        }
    }

    @Test("a stream that fails breaks off instead of looking complete")
    func brokenStream() async throws {
        try await withServer { port in
            let client = try RawClient(port: port)
            client.send("GET /broken HTTP/1.1\r\n" + ending)
            #expect(try await !client.readAll().contains("0\r\n\r\n"))
        }
    }

    @Test("a stream of known length announces it, to HEAD too, and leaves the connection open")
    func sizedStream() async throws {
        try await withServer { port in
            let client = try RawClient(port: port)
            client.send("HEAD /sized HTTP/1.1\r\nHost: localhost\r\n\r\nGET /sized HTTP/1.1\r\nHost: localhost\r\n\r\n")
            client.send("GET /sized HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /after HTTP/1.1\r\n" + ending)
            let all = try await client.readAll()
            #expect(all.components(separatedBy: "Content-Length: 2000000\r\n").count == 4)
            #expect(!all.contains("chunked") && all.hasSuffix("GET /after 0 http11"))
            #expect(all.count > 4_000_000 && all.count < 4_002_000)
        }
    }

    @Test("a stream that is not as long as announced breaks off")
    func wrongLength() async throws {
        try await withServer { port in
            for path in ["/short", "/long"] {
                for version in ["--http1.1", "--http2-prior-knowledge"] {
                    let exit = try await curl(
                        version, "-o", "/dev/null", "-w", "%{exitcode}", "http://127.0.0.1:\(port)\(path)")
                    #expect(exit != "0", "\(path) \(version)")
                }
            }
        }
    }

    @Test("a handler learns that its client has gone, with a reset or without a word", arguments: [true, false])
    func cancellation(resets: Bool) async throws {
        let (gone, report) = AsyncStream.makeStream(of: Bool.self)
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let handler: Handler = { request in
            start.yield()
            await withTaskCancellationHandler {
                // Nothing ever comes here: only cancelling ends the wait.
                for await _ in AsyncStream<Void>.makeStream().stream {}
            } onCancel: {
                report.yield(request.isCancelled)
            }
            return Response(text: "nobody reads this")
        }
        try await withServer(handler: handler) { port in
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for await _ in started { break }
            if resets { client.reset() } else { client.end() }
            for await cancelled in gone {
                #expect(cancelled)
                break
            }
        }
    }

    @Test("a shutdown lets the request in progress finish")
    func shutdown() async throws {
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let (released, release) = AsyncStream.makeStream(of: Void.self)
        let server = Server(ServerConfiguration()) { _ in
            start.yield()
            for await _ in released { break }
            return Response(text: "finished")
        }
        let port = try await server.start().port
        let client = try RawClient(port: port)
        client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for await _ in started { break }
        async let end: Void = server.shutdown(grace: .seconds(60))
        release.yield()
        // The answer closes the connection only once the shutdown has begun, so ask for that ourselves.
        client.endSending()
        #expect(try await client.readAll().contains("finished"))
        await end
    }
}

@Suite("The server with curl") struct CurlTests {
    @Test("uploads and streams are the same over HTTP/1.1, HTTP/1.0 and HTTP/2")
    func versions() async throws {
        let file = try TemporaryFile([UInt8](repeating: 7, count: 3_000_000))
        try await withServer { port in
            let url = "http://127.0.0.1:\(port)"
            let stream = try await curl("--http1.1", url + "/stream")
            #expect(stream.count == 2_000_000)
            for version in ["--http1.1", "--http1.0", "--http2-prior-knowledge"] {
                #expect(try await curl(version, url + "/livez") == "alive")
                #expect(
                    try await curl(version, "--data-binary", "@\(file.path)", url + "/up").hasPrefix(
                        "POST /up 3000000 "))
                #expect(try await curl(version, url + "/stream") == stream)
                #expect(try await curl(version, url + "/sized").count == 2_000_000)
                #expect(try await curl(version, "-I", url + "/sized").lowercased().contains("content-length: 2000000"))
                #expect(try await curl(version, "-I", url + "/x").lowercased().contains("content-length: "))
                #expect(try await status(version, url + "/empty") == "204")
            }
            #expect(
                try await curl(
                    "--http1.1", "-H", "Transfer-Encoding: chunked", "--data-binary", "@\(file.path)", url + "/up"
                )
                .hasPrefix("POST /up 3000000 "))
        }
    }

    @Test("content over the limit is refused over HTTP/2, and the rest of the upload is not waited for")
    func tooLarge() async throws {
        let file = try TemporaryFile([UInt8](repeating: 7, count: 3_000_000))
        try await withServer { port in
            let url = "http://127.0.0.1:\(port)/small"
            for version in ["--http1.1", "--http2-prior-knowledge"] {
                let code = try await status(version, "--data-binary", "@\(file.path)", url)
                #expect(code == "413")
            }
        }
    }

    @Test("a stream that fails is an error over HTTP/2")
    func broken() async throws {
        try await withServer { port in
            let exit = try await curl(
                "--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{exitcode}", "http://127.0.0.1:\(port)/broken")
            #expect(exit != "0")
        }
    }
}
