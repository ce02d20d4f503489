import HTTPServer

/// HTTP/1.1 as it comes from a socket. What comes out must not depend on how the bytes were cut.
enum HTTP1Input {
    static func run(_ input: [UInt8]) throws {
        let input = PiecewiseInput(input)
        let whole = try events([input.bytes])
        let inPieces = try events(input.pieces)
        try demand(whole == inPieces, "cut into pieces: \(inPieces), whole: \(whole)")
        if input.bytes.count <= 512 {
            let singly = try events(input.bytes.indices.map { input.bytes[$0...$0] })
            try demand(whole == singly, "byte by byte: \(singly), whole: \(whole)")
        }
    }

    /// The events, with the pieces of one content joined.
    private static func events(_ pieces: [ArraySlice<UInt8>]) throws -> [HTTP1Parser.Event] {
        var limits = Limits()
        // Small enough for short inputs to go beyond them.
        limits.requestLine = 200
        limits.headerSection = 400
        limits.fieldCount = 12
        limits.chunkExtensions = 40
        var parser = HTTP1Parser(limits: limits)
        var events: [HTTP1Parser.Event] = []
        var fed = 0
        var isRefused = false
        for piece in pieces {
            parser.feed(piece)
            fed += piece.count
            while let event = parser.next() {
                try demand(!isRefused, "an event after the refusal: \(event)")
                try demand(parser.unread >= 0 && parser.unread <= fed, "\(parser.unread) bytes unread of \(fed)")
                switch event {
                case .head: parser.contentLimit = 5000
                case .refused: isRefused = true
                case .content, .end: break
                }
                if case .content(let more) = event, case .content(let bytes) = events.last {
                    events[events.count - 1] = .content(bytes + more)
                } else {
                    events.append(event)
                }
            }
        }
        return events
    }
}
