import HTTPServer

/// HTTP/2 as it comes from a socket, behind a client's preface or instead of it. Requests must not depend on how the
/// bytes were cut; a session whose requests are answered must not mind what comes in between.
enum HTTP2Input {
    static func run(_ input: [UInt8]) throws {
        let input = PiecewiseInput(input)
        // Most inputs would get no further than a wrong preface.
        let opening: [UInt8] = input.mode & 0x80 == 0 ? HTTP2Session.preface + [0, 0, 0, 4, 0, 0, 0, 0, 0] : []
        let whole = requests(opening, [input.bytes])
        let inPieces = requests(opening, input.pieces)
        // A client that has said good-bye is listened to until its piece ends, and to no next one.
        let isCutOff = inPieces.isFinished && whole.requests.starts(with: inPieces.requests)
        try demand(
            isCutOff || whole.requests == inPieces.requests,
            "cut into pieces: \(inPieces.requests), whole: \(whole.requests)")
        try answer(opening, input.pieces)
    }

    private static func session() -> HTTP2Session {
        var limits = Limits()
        limits.concurrentStreams = 8
        limits.headerSection = 1000
        limits.suspiciousFrames = 50
        limits.bufferedContent = 20_000
        return HTTP2Session(limits: limits) { (head) throws(Refusal) in
            guard head.target.path.count < 40 else { throw Refusal(.badTarget, "too long for this test") }
            return 5000
        }
    }

    private static func requests(
        _ opening: [UInt8], _ pieces: [ArraySlice<UInt8>]
    ) -> (requests: [String], isFinished: Bool) {
        let session = session()
        session.receive(opening)
        for piece in pieces { session.receive(Array(piece)) }
        let requests = session.takeEvents().map { event in
            switch event {
            case .request(let stream, let head, let content): "request \(stream) \(head) \(content)"
            case .closed(let stream): "closed \(stream)"
            }
        }
        var output: [UInt8] = []
        session.takeOutput(into: &output)
        return (requests, session.isFinished)
    }

    private static func answer(_ opening: [UInt8], _ pieces: [ArraySlice<UInt8>]) throws {
        let session = session()
        var now: UInt64 = 0
        var output: [UInt8] = []
        session.receive(opening)
        for piece in pieces {
            now += 10_000_000
            session.receive(Array(piece), now: now)
            for event in session.takeEvents() {
                guard case .request(let stream, let head, let content) = event else { continue }
                try demand(content.count <= 5000, "\(content.count) bytes of content, and 5000 were allowed")
                if head.target.path.hasSuffix("s") {
                    if session.answer(stream, Response(content: .stream { _ in })) {
                        session.write(content, on: stream)
                        session.end(stream)
                    }
                } else if head.target.path.hasSuffix("a") {
                    session.abort(stream)
                } else {
                    session.answer(stream, Response(text: "received \(content.count) bytes"))
                }
            }
            session.takeOutput(upTo: 70_000, into: &output)
            output.removeAll(keepingCapacity: true)
            session.expire(now: now)
            if session.isFinished { return }
        }
        session.announceEnd()
        session.refuseNewStreams()
        session.expire(now: now + 1_000_000_000_000)
        session.takeOutput(into: &output)
    }
}
