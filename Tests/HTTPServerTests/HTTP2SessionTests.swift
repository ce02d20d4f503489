import HTTPServer
import HTTPTypes
import Testing

@Suite("HTTP/2 sessions, without sockets and with a clock of the test's own") struct HTTP2SessionTests {
    private func session(_ limits: Limits = Limits(), window: UInt32 = 65535) -> HTTP2Session {
        let session = HTTP2Session(limits: limits) { _ in 1024 }
        session.receive(HTTP2Frames.greeting(window: window))
        return session
    }

    private func output(_ session: HTTP2Session) -> [HTTP2Frames.Frame] {
        var bytes: [UInt8] = []
        session.takeOutput(into: &bytes)
        return HTTP2Frames.parse(bytes)
    }

    private func nanoseconds(_ seconds: Double) -> UInt64 { UInt64(seconds * 1e9) }

    @Test("an answer that the client's window never lets out is given up, and the client told")
    func stalledWindow() {
        let session = session(window: 0)
        session.receive(HTTP2Frames.request(1))
        session.answer(1, Response(text: "never read"))
        #expect(output(session).map(\.type).contains(HTTP2Frames.headers))
        session.expire(now: nanoseconds(29))
        #expect(output(session).isEmpty)
        session.expire(now: nanoseconds(31))
        let reset = output(session).first { $0.type == HTTP2Frames.reset }
        #expect(reset?.stream == 1 && reset?.code == 8)
        #expect(session.takeEvents().contains { if case .closed(1) = $0 { true } else { false } })
    }

    @Test("a request that repeats the one before is told from one that has content or another method")
    func repeatedRequests() {
        let session = session()
        let requests = [(false, true), (false, true), (true, true), (true, false), (false, true), (false, true)]
        for (index, request) in requests.enumerated() {
            let stream = UInt32(2 * index + 1)
            session.receive(HTTP2Frames.request(stream, post: request.0, ends: request.1))
            if !request.1 {
                session.receive(HTTP2Frames.frame(HTTP2Frames.data, flags: 1, stream: stream, Array("hi".utf8)))
            }
        }
        let found = session.takeEvents().compactMap { event -> String? in
            guard case .request(let stream, let head, let content) = event else { return nil }
            return "\(stream) \(head.method) \(head.target.text) \(head.content == .none) \(content.count)"
        }
        let path = found.first?.split(separator: " ")[2] ?? ""
        #expect(
            found == [
                "1 GET \(path) true 0", "3 GET \(path) true 0", "5 POST \(path) true 0", "7 POST \(path) false 2",
                "9 GET \(path) true 0", "11 GET \(path) true 0",
            ])
    }

    @Test("a client that opens its window by a byte now and then is given up all the same")
    func dribblingWindow() {
        let session = session(window: 0)
        session.receive(HTTP2Frames.request(1))
        session.answer(1, Response(text: String(repeating: "x", count: 1000)))
        _ = output(session)
        var resets: [Int] = []
        for second in 1...40 {
            session.receive(
                HTTP2Frames.frame(HTTP2Frames.windowUpdate, stream: 1, HTTP2Frames.number(1)),
                now: nanoseconds(Double(second)))
            session.expire(now: nanoseconds(Double(second)))
            if output(session).contains(where: { $0.type == HTTP2Frames.reset }) { resets.append(second) }
        }
        #expect(resets == [31])
    }

    @Test("an end is announced first; streams on their way are served, and refused only once the client has heard")
    func gracefulEnd() {
        let session = session()
        session.receive(HTTP2Frames.request(1))
        session.announceEnd()
        let first = output(session)
        let announcement = first.first { $0.type == HTTP2Frames.goAway }
        #expect(announcement?.lastStream == 0x7FFF_FFFF && announcement?.code == 0)
        let ping = first.first { $0.type == HTTP2Frames.ping }
        session.receive(HTTP2Frames.request(3))
        #expect(session.takeEvents().count == 2)
        session.receive(HTTP2Frames.frame(HTTP2Frames.ping, flags: 1, ping?.payload ?? []))
        let last = output(session).first { $0.type == HTTP2Frames.goAway }
        #expect(last?.lastStream == 3 && last?.code == 0)
        session.receive(HTTP2Frames.request(5))
        #expect(session.takeEvents().isEmpty)
        for stream in [Int32(1), 3] { session.answer(stream, Response(text: "served")) }
        #expect(output(session).filter { $0.type == HTTP2Frames.headers }.map(\.stream) == [1, 3])
    }

    /// Frames that may come now and then, but not for ever.
    enum Flood: String, CaseIterable, Sendable {
        case pings, settings, emptyData, windowUpdates, resets, resetsOfTheServer, priorities, headersOnClosedStreams

        func frames(_ index: UInt32) -> [UInt8] {
            let stream = 2 * index + 3
            return switch self {
            case .pings: HTTP2Frames.frame(HTTP2Frames.ping, [UInt8](repeating: 0, count: 8))
            case .settings: HTTP2Frames.frame(HTTP2Frames.settings)
            case .emptyData: HTTP2Frames.frame(HTTP2Frames.data, stream: 1)
            case .windowUpdates: HTTP2Frames.frame(HTTP2Frames.windowUpdate, HTTP2Frames.number(1))
            case .resets:
                HTTP2Frames.request(stream)
                    + HTTP2Frames.frame(HTTP2Frames.reset, stream: stream, HTTP2Frames.number(8))
            case .resetsOfTheServer:
                HTTP2Frames.request(stream, ends: false)
                    + HTTP2Frames.frame(HTTP2Frames.windowUpdate, stream: stream, HTTP2Frames.number(0x7FFF_FFFF))
            case .priorities: HTTP2Frames.frame(2, stream: 1, [0, 0, 0, 0, 15])
            case .headersOnClosedStreams:
                index == 0
                    ? HTTP2Frames.request(3)
                        + HTTP2Frames.frame(HTTP2Frames.reset, stream: 3, HTTP2Frames.number(8))
                    : HTTP2Frames.request(3)
            }
        }
    }

    @Test("a flood ends the connection with a word, and slow senders of the same go on", arguments: Flood.allCases)
    func floods(_ flood: Flood) {
        var limits = Limits()
        limits.suspiciousFrames = 20
        limits.suspiciousFramesForgivenPerSecond = 10
        limits.concurrentStreams = 10
        let fast = session(limits)
        fast.receive(HTTP2Frames.request(1, post: true, ends: false))
        var frames: [HTTP2Frames.Frame] = []
        for index in 0..<UInt32(100) where !fast.isFinished {
            fast.receive(flood.frames(index))
            frames += output(fast)
        }
        #expect(fast.isFinished)
        #expect(frames.last?.type == HTTP2Frames.goAway)
        #expect(frames.last?.code == 11)
        #expect(!fast.takeEvents().contains { if case .request = $0 { true } else { false } })

        let slow = session(limits)
        slow.receive(HTTP2Frames.request(1, post: true, ends: false))
        for index in 0..<UInt32(100) {
            slow.receive(flood.frames(index), now: nanoseconds(Double(index)))
            _ = output(slow)
        }
        #expect(!slow.isFinished)
    }

    @Test("a header section goes on in eight frames at most")
    func continuations() {
        let session = session()
        session.receive(HTTP2Frames.frame(HTTP2Frames.headers, flags: 1, stream: 1, [0x82]))
        for _ in 0..<20 { session.receive(HTTP2Frames.frame(HTTP2Frames.continuation, stream: 1, [])) }
        _ = output(session)
        #expect(session.isFinished)
    }

    @Test("a reader that does not open its window stops the producer, and resetting the stream stops the work")
    func slowReader() async throws {
        let (gone, report) = AsyncStream.makeStream(of: Int.self)
        let handler: Handler = { _ in
            Response(
                content: .stream { writer in
                    var written = 0
                    do {
                        for _ in 0..<10_000 {
                            try await writer.write([UInt8](repeating: 7, count: 10_000))
                            written += 10_000
                        }
                    } catch {
                        report.yield(written)
                        throw error
                    }
                    report.yield(.max)
                })
        }
        try await withServer(handler: handler) { port in
            let client = try RawClient(port: port)
            client.send(HTTP2Frames.greeting() + HTTP2Frames.request(1))
            let window = 65535
            _ = try await client.read(atLeast: window)
            client.send(HTTP2Frames.frame(HTTP2Frames.reset, stream: 1, HTTP2Frames.number(8)))
            for await written in gone {
                #expect(written <= window + Limits().writeBehind + 20_000)
                break
            }
        }
    }
}
