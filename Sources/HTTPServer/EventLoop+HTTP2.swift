/// HTTP/2 on the loop: what the session makes of the bytes becomes exchanges like any other.
extension EventLoop {
    /// Answers what has arrived and fetches what is to be sent. `true` if there may be more to fetch
    /// once this much is sent.
    func advanceHTTP2(_ connection: Connection, _ session: HTTP2Session) -> Bool {
        guard connection.isServing else { return false }
        for event in session.takeEvents() {
            switch event {
            case .request(let stream, let head, let content): answer(connection, session, stream, head, content)
            case .closed(let stream): drop(connection, stream)
            }
        }
        guard connection.running.count <= 2 * limits.concurrentStreams else {
            // Streams were reset faster than their handlers can stop: somebody is doing it on purpose.
            destroy(connection)
            return false
        }
        if connection.pendingOutput == 0 { connection.pace.begin(now: now) }
        let wanted = connection.outputOffset + 128 * 1024
        session.takeOutput(upTo: wanted, into: &connection.output)
        if session.isFinished || (session.hasEnded && connection.exchanges.isEmpty) {
            close(connection)
            return false
        }
        // Sending closes streams, and that is an event too.
        return connection.output.count >= wanted || session.hasEvents
    }

    private func answer(
        _ connection: Connection, _ session: HTTP2Session, _ stream: Int32, _ head: RequestHead, _ content: [UInt8]
    ) {
        requestCount += 1
        let request = Request(
            id: requestCount, method: head.method, target: head.target, headerFields: head.headerFields,
            content: content, protocolVersion: .http2, authority: head.authority, cancellation: Self.neverCancelled)
        if let response = immediate(request), case .bytes = response.content {
            session.answer(stream, response)
        } else {
            // The session counts the content in the budget, so the exchange does not.
            start(connection, request, stream: stream, contentCount: 0)
        }
    }

    private func drop(_ connection: Connection, _ stream: Int32) {
        guard let exchange = connection.exchanges.removeValue(forKey: stream) else { return }
        exchange.cancel()
    }
}
