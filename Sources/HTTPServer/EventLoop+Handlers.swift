import HTTPTypes

/// Where handlers start, and where they come back with their answers.
extension EventLoop {
    /// For requests that are answered before their client could go.
    static let neverCancelled = Cancellation()

    /// Starts the handler of a complete request, off the loop.
    func start(_ connection: Connection, _ request: Request, stream: Int32, contentCount: Int) {
        let cancellation = Cancellation()
        let request = Request(
            id: request.id, method: request.method, target: request.target, headerFields: request.headerFields,
            content: request.content, protocolVersion: request.protocolVersion, authority: request.authority,
            cancellation: cancellation)
        let exchange = Exchange(
            cancellation: cancellation, isHead: request.method == .head, protocolVersion: request.protocolVersion,
            contentCount: contentCount)
        connection.exchanges[stream] = exchange
        let identifier = ExchangeID(
            descriptor: connection.descriptor, generation: connection.generation, stream: stream)
        let running = connection.running
        running.begin()
        exchange.task = Task.detached { [handler] in
            await self.perform(identifier, request, handler)
            running.end()
        }
    }

    private nonisolated func perform(_ identifier: ExchangeID, _ request: Request, _ handler: Handler) async {
        let response = ContentCoding.encode(await handler(request), for: request)
        guard await begin(identifier, response), case .stream(let produce) = response.content else { return }
        let writer = BodyWriter { try await self.write($0, identifier) }
        do {
            try await produce(writer)
            await end(identifier)
        } catch {
            await abort(identifier)
        }
    }

    /// The handler's answer. `true` if it is a stream and somebody wants it.
    private func begin(_ identifier: ExchangeID, _ response: Response) -> Bool {
        guard let (connection, exchange) = find(identifier) else { return false }
        let streams: Bool
        exchange.promised = response.contentLength
        switch connection.wire {
        case .http2(let session): streams = session.answer(identifier.stream, response)
        case .http1, .undecided:
            exchange.pieces = beginHTTP1(
                connection, isHead: exchange.isHead, exchange.protocolVersion, response)
            streams = exchange.pieces != nil
        }
        if !streams { finish(connection, identifier.stream) }
        pump(connection)
        return streams
    }

    /// A piece of a streamed answer; returns when the client is not too far behind.
    private func write(_ bytes: [UInt8], _ identifier: ExchangeID) async throws {
        guard let (connection, exchange) = find(identifier) else { throw ClientGone() }
        if let promised = exchange.promised {
            guard bytes.count <= promised else { throw WrongLength() }
            exchange.promised = promised - bytes.count
        }
        switch connection.wire {
        case .http2(let session):
            guard session.write(bytes, on: identifier.stream) else { throw ClientGone() }
        case .http1, .undecided:
            if connection.pendingOutput == 0 { connection.pace.begin(now: now) }
            if exchange.pieces == .chunks {
                HTTP1Writer.chunk(bytes, into: &connection.output)
            } else {
                connection.output.append(contentsOf: bytes)
            }
        }
        pump(connection)
        guard connection.phase != .closed else { throw ClientGone() }
        if pendingOutput(connection, identifier.stream) > limits.writeBehind {
            try await withCheckedThrowingContinuation { exchange.waiters.append($0) }
        }
    }

    private func pendingOutput(_ connection: Connection, _ stream: Int32) -> Int {
        if case .http2(let session) = connection.wire { return session.pendingOutput(on: stream) }
        return connection.pendingOutput
    }

    /// A streamed answer is complete.
    private func end(_ identifier: ExchangeID) {
        guard let (connection, exchange) = find(identifier) else { return }
        guard exchange.promised ?? 0 == 0 else { return abort(identifier) }
        switch connection.wire {
        case .http2(let session): session.end(identifier.stream)
        case .http1, .undecided: if exchange.pieces == .chunks { HTTP1Writer.lastChunk(into: &connection.output) }
        }
        finish(connection, identifier.stream)
        pump(connection)
    }

    /// A streamed answer breaks off, and must not look complete to the client.
    private func abort(_ identifier: ExchangeID) {
        guard let (connection, _) = find(identifier) else { return }
        guard case .http2(let session) = connection.wire else { return destroy(connection) }
        session.abort(identifier.stream)
        finish(connection, identifier.stream)
        pump(connection)
    }

    private func finish(_ connection: Connection, _ stream: Int32) {
        guard let exchange = connection.exchanges.removeValue(forKey: stream) else { return }
        budget.give(back: exchange.contentCount)
        if case .http1 = connection.wire { finishHTTP1(connection) }
    }

    private func find(_ identifier: ExchangeID) -> (Connection, Exchange)? {
        now = Clock.now()
        guard
            let connection = connection(descriptor: identifier.descriptor, generation: identifier.generation),
            let exchange = connection.exchanges[identifier.stream]
        else { return nil }
        return (connection, exchange)
    }
}

/// A stream wrote more than the length that was announced.
private struct WrongLength: Error {}
