import HTTPTypes

/// HTTP/1.1 on the loop: one request after the other, answered in order.
extension EventLoop {
    /// Interprets what has arrived until a handler is at work, bytes are missing or enough answers wait
    /// to be sent. `true` only in the last case: there may be more to do once they are.
    func advanceHTTP1(_ connection: Connection) -> Bool {
        while connection.isServing, connection.exchanges.isEmpty {
            guard connection.pendingOutput < limits.writeBehind else { return true }
            guard let event = connection.parser.next() else {
                if connection.sawEnd { close(connection) }
                return false
            }
            switch event {
            case .head(let head): admit(connection, head)
            case .content(let bytes): take(connection, bytes)
            case .end: complete(connection)
            case .refused(let refusal): refuse(connection, refusal)
            }
        }
        return false
    }

    private func admit(_ connection: Connection, _ head: RequestHead) {
        connection.head = head
        connection.keepsConnection = head.keepsConnection
        connection.since = now
        do throws(Refusal) {
            connection.contentLimit = try configuration.admit(head)
            connection.parser.contentLimit = connection.contentLimit
            if case .length(let length) = head.content, length > connection.contentLimit {
                throw .contentTooLarge(limit: connection.contentLimit)
            }
        } catch {
            return refuse(connection, error)
        }
        // Whoever has sent some of the content already is not waiting to be asked for it.
        if head.expectsContinue, connection.parser.unread == 0 {
            HTTP1Writer.appendContinue(to: &connection.output)
        }
    }

    private func take(_ connection: Connection, _ bytes: [UInt8]) {
        guard bytes.count <= connection.contentLimit - connection.contentReceived else {
            return refuse(connection, .contentTooLarge(limit: connection.contentLimit))
        }
        guard budget.take(bytes.count) else { return refuse(connection, .noRoomForContent) }
        connection.contentReceived += bytes.count
        connection.content.append(contentsOf: bytes)
    }

    private func complete(_ connection: Connection) {
        guard let head = connection.head else { return }
        requestCount += 1
        let request = Request(
            id: requestCount, method: head.method, target: head.target, headerFields: head.headerFields,
            content: connection.content, protocolVersion: head.protocolVersion, authority: head.authority,
            cancellation: Self.neverCancelled)
        let contentCount = connection.contentReceived
        connection.head = nil
        connection.content = []
        connection.contentReceived = 0
        if let response = immediate(request), case .bytes = response.content {
            budget.give(back: contentCount)
            beginHTTP1(connection, isHead: head.method == .head, head.protocolVersion, response)
            return finishHTTP1(connection)
        }
        connection.nextStream &+= 1
        start(connection, request, stream: connection.nextStream, contentCount: contentCount)
    }

    /// Appends the head of an answer, and all of it if it is bytes. Otherwise says how the pieces are
    /// to be framed, or `nil` if the client wants none.
    @discardableResult
    func beginHTTP1(
        _ connection: Connection, isHead: Bool, _ version: Request.ProtocolVersion, _ response: Response
    ) -> Exchange.Pieces? {
        if isShuttingDown { connection.keepsConnection = false }
        var pieces: Exchange.Pieces?
        if case .stream = response.content, !isHead, !response.statusForbidsContent {
            pieces = version == .http10 || response.contentLength != nil ? .bare : .chunks
            if version == .http10, response.contentLength == nil { connection.keepsConnection = false }
        }
        let persistence: HTTP1Writer.Persistence =
            connection.keepsConnection ? (version == .http10 ? .keepAlive : .unsaid) : .close
        date.update()
        if connection.pendingOutput == 0 { connection.pace.begin(now: now) }
        appendAnswer(
            response, isHead: isHead, persistence: persistence, isChunked: pieces == .chunks, to: &connection.output)
        return pieces
    }

    /// One answer with its framing. A stream's bytes follow by themselves.
    func appendAnswer(
        _ response: Response, isHead: Bool, persistence: HTTP1Writer.Persistence, isChunked: Bool = false,
        to output: inout [UInt8]
    ) {
        switch response.content {
        case .bytes(let bytes):
            let framing: HTTP1Writer.Framing = response.statusForbidsContent ? .unsaid : .length(bytes.count)
            HTTP1Writer.head(
                response, framing: framing, persistence: persistence, date: date.line, into: &output)
            if !isHead, !response.statusForbidsContent { output.append(contentsOf: bytes) }
        case .stream:
            let length = response.statusForbidsContent ? nil : response.contentLength
            let framing = length.map { HTTP1Writer.Framing.length($0) } ?? (isChunked ? .chunked : .unsaid)
            HTTP1Writer.head(response, framing: framing, persistence: persistence, date: date.line, into: &output)
        }
    }

    /// The answer is complete: on to the next request, or to the end.
    func finishHTTP1(_ connection: Connection) {
        connection.since = now
        if !connection.keepsConnection { close(connection) }
    }

    /// Answers once and ends the connection. Nothing after the refused request is interpreted.
    func refuse(_ connection: Connection, _ refusal: Refusal) {
        guard connection.isServing else { return }
        budget.give(back: connection.contentReceived)
        connection.contentReceived = 0
        connection.content = []
        var refusal = refusal
        refusal.target = connection.head?.target
        var response = configuration.refusal(refusal)
        if case .stream = response.content { response.content = .bytes([]) }
        let isHead = connection.head?.method == .head
        connection.head = nil
        date.update()
        if connection.pendingOutput == 0 { connection.pace.begin(now: now) }
        appendAnswer(response, isHead: isHead, persistence: .close, to: &connection.output)
        close(connection)
    }
}
