/// How a connection is read, written, timed and brought to its end, whatever it speaks.
extension EventLoop {
    /// Reads while there is something to read and room for it, but not longer than one turn's share.
    func read(_ connection: Connection) {
        guard !connection.isBeingRead else { return }
        connection.isBeingRead = true
        defer { connection.isBeingRead = false }
        var turns = 0
        while connection.isReadable, wantsInput(connection) {
            guard turns < 16 else {
                unfinishedReads.append(connection.token)
                return
            }
            turns += 1
            switch Socket.receive(connection.descriptor, into: scratch.bytes) {
            case .done(0):
                connection.isReadable = false
                connection.sawEnd = true
                inputEnded(connection)
            case .done(let count):
                // A short read has emptied the socket; more would be reported. Only an end that was
                // reported already must still be fetched.
                if count < scratch.bytes.count, !connection.endIsNear { connection.isReadable = false }
                received(UnsafeBufferPointer(rebasing: scratch.bytes[..<count]), connection)
            case .wouldBlock: connection.isReadable = false
            case .failed: destroy(connection)
            }
        }
    }

    private func wantsInput(_ connection: Connection) -> Bool {
        switch connection.phase {
        case .closed, .closing: false
        case .lingering: true
        case .idle, .header, .content, .answering:
            connection.pendingOutput < limits.writeBehind && connection.parser.unread < limits.readAhead
        }
    }

    private func inputEnded(_ connection: Connection) {
        switch (connection.phase, connection.wire) {
        case (.lingering, _), (_, .undecided), (_, .http2): destroy(connection)
        case (.answering, .http1):
            askWhetherGone(connection)
            pump(connection)
        default: pump(connection)
        }
    }

    /// A client that has ended its side may still wait for its answer, or be gone, which looks the same until something is sent
    /// to it: one that is gone resets the connection. An interim response is what a waiting one passes over (RFC 9110 §15.2),
    /// and 100 the one that every client knows. An answer that has begun is a question of its own.
    private func askWhetherGone(_ connection: Connection) {
        let unanswered = connection.exchanges.values.allSatisfy { $0.pieces == nil && $0.protocolVersion == .http11 }
        guard unanswered, connection.pendingOutput == 0 else { return }
        HTTP1Writer.appendContinue(to: &connection.output)
    }

    private func received(_ bytes: UnsafeBufferPointer<UInt8>, _ connection: Connection) {
        if connection.phase == .lingering {
            connection.dropped += bytes.count
            if connection.dropped > limits.lingerBytes { destroy(connection) }
            return
        }
        guard let tls = connection.tls else {
            understand(bytes, connection)
            return pump(connection)
        }
        tls.receive(bytes).withUnsafeBufferPointer { if !$0.isEmpty { understand($0, connection) } }
        if tls.isBroken {
            // Whatever there is to say about it is an alert, and is said at most.
            _ = connection.sendOutput(now: now)
            return destroy(connection)
        }
        pump(connection)
        if tls.sawEnd, !connection.sawEnd, connection.phase != .closed {
            connection.sawEnd = true
            inputEnded(connection)
        }
    }

    private func understand(_ bytes: UnsafeBufferPointer<UInt8>, _ connection: Connection) {
        switch connection.wire {
        case .http1: connection.parser.feed(bytes)
        case .http2(let session): session.receive(bytes, now: now)
        case .undecided(let matched): decide(connection, matched, bytes)
        }
    }

    /// Finds out what the client speaks: over TLS as agreed; otherwise the HTTP/2 preface is no HTTP/1.1 request, so as soon as
    /// a byte differs it is HTTP/1.1.
    private func decide(_ connection: Connection, _ matched: Int, _ bytes: UnsafeBufferPointer<UInt8>) {
        let preface = HTTP2Session.preface
        switch connection.tls?.agreement ?? .nothing {
        case .http2:
            // Without its preface the session finds the connection broken.
            beginHTTP2(connection).receive(bytes, now: now)
            return
        case .http1:
            connection.wire = .http1
            connection.parser.feed(bytes)
            return
        case .nothing: break
        }
        let common = zip(preface[matched...], bytes).prefix { $0 == $1 }.count
        if matched + common == preface.count {
            let session = beginHTTP2(connection)
            preface.withUnsafeBufferPointer { session.receive($0, now: now) }
            session.receive(UnsafeBufferPointer(rebasing: bytes[common...]), now: now)
        } else if common == bytes.count {
            connection.wire = .undecided(matched: matched + common)
        } else {
            connection.wire = .http1
            connection.parser.feed(preface[..<matched])
            connection.parser.feed(bytes)
        }
    }

    private func beginHTTP2(_ connection: Connection) -> HTTP2Session {
        let configuration = configuration
        let session = HTTP2Session(
            limits: limits, budget: budget,
            admit: { head throws(Refusal) in try configuration.admit(head) }, render: configuration.refusal)
        connection.wire = .http2(session)
        if isShuttingDown { session.announceEnd() }
        return session
    }

    /// Does all that can be done: answers what has arrived, sends what is answered, reads what was left.
    func pump(_ connection: Connection) {
        var goesOn = true
        while goesOn, connection.phase != .closed {
            switch connection.wire {
            case .http1: goesOn = advanceHTTP1(connection)
            case .http2(let session): goesOn = advanceHTTP2(connection, session)
            case .undecided: goesOn = false
            }
            guard connection.sendOutput(now: now) else { return destroy(connection) }
            if connection.pendingOutput > 0 { goesOn = false }
        }
        guard connection.phase != .closed else { return }
        if connection.phase == .closing, connection.pendingOutput == 0 { linger(connection) }
        settle(connection)
        // What was left unread because there was no room for it is read in the next turn.
        if connection.isReadable, !connection.isBeingRead, wantsInput(connection),
            !unfinishedReads.contains(connection.token)
        {
            unfinishedReads.append(connection.token)
            executor.hurry()
        }
    }

    /// Brings phase and writers up to date.
    private func settle(_ connection: Connection) {
        guard connection.isServing else { return }
        let phase: Connection.Phase
        switch connection.wire {
        case .undecided(let matched):
            phase = matched == 0 && connection.canSpeak ? .idle : .header
        case .http1:
            if connection.exchanges.isEmpty {
                phase = connection.head != nil ? .content : connection.parser.isBetweenRequests ? .idle : .header
            } else {
                phase = .answering
                if connection.pendingOutput <= limits.writeBehind / 2 {
                    for exchange in connection.exchanges.values { exchange.resumeWaiters() }
                }
            }
        case .http2(let session):
            phase = session.isIdle && connection.exchanges.isEmpty ? .idle : .answering
            for (stream, exchange) in connection.exchanges
            where session.pendingOutput(on: stream) <= limits.writeBehind / 2 {
                exchange.resumeWaiters()
            }
        }
        if phase != connection.phase {
            connection.phase = phase
            connection.since = now
        }
    }

    /// Sends what is left, then ends our side.
    func close(_ connection: Connection) {
        guard connection.isServing else { return }
        connection.phase = .closing
        connection.since = now
    }

    /// Ends our side and drops what the client still sends, for a while: closing a socket with unread
    /// bytes would reset the connection and could destroy the answer on its way.
    private func linger(_ connection: Connection) {
        connection.endSending()
        guard !connection.sawEnd else { return destroy(connection) }
        connection.phase = .lingering
        connection.since = now
        connection.parser = HTTP1Parser(limits: limits, isSecure: connection.tls != nil)
    }

    /// Ends what has waited too long.
    func tick() {
        now = Clock.now()
        for case let connection? in connections {
            if connection.pendingOutput > 0, connection.pace.isTooSlow(now: now, limits: limits) {
                destroy(connection)
                continue
            }
            if let shutdownBegan, now > shutdownBegan + 1_000_000_000, case .http2(let session) = connection.wire {
                // Nothing came of asking: a client that does not answer is not waited for.
                session.refuseNewStreams()
                pump(connection)
            }
            let waited = now - min(now, connection.since)
            switch connection.phase {
            case .idle where waited > limits.idleTimeout.nanoseconds:
                if case .http2(let session) = connection.wire {
                    session.refuseNewStreams()
                    pump(connection)
                }
                destroy(connection)
            case .header where waited > limits.headerTimeout.nanoseconds && !connection.canSpeak:
                destroy(connection)
            case .header where waited > limits.headerTimeout.nanoseconds:
                refuse(connection, Refusal(.headerTimeout, "the header fields did not arrive in time"))
                pump(connection)
            case .content where waited > allowedForContent(connection):
                refuse(connection, Refusal(.contentTimeout, "the content of the request did not arrive in time"))
                pump(connection)
            case .answering:
                if case .http2(let session) = connection.wire {
                    session.expire(now: now)
                    pump(connection)
                }
            case .lingering where waited > limits.lingerTimeout.nanoseconds,
                .lingering where isShuttingDown && waited > 1_000_000_000:
                destroy(connection)
            default: break
            }
        }
    }

    private func allowedForContent(_ connection: Connection) -> UInt64 {
        limits.contentTimeout.nanoseconds
            + UInt64(connection.contentReceived) * 1_000_000_000 / UInt64(limits.contentRate)
    }
}
