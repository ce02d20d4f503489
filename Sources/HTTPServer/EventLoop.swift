import Glibc

/// The one place where sockets are read and written.
///
/// Everything here runs on one ``LoopThread``, which waits for an epoll set and for the actor's jobs:
/// - ``Connection``s are plain objects that never leave it;
/// - protocols are machines without I/O (``HTTP1Parser``, ``HTTP2Session``);
/// - handlers run in tasks elsewhere and come back through ``begin(_:_:)``, ``write(_:_:)``,
///   ``end(_:)`` and ``abort(_:)``, naming their request by an ``ExchangeID`` that may be stale.
///
/// Rules that keep it live:
/// - Nothing here waits. Sockets are edge-triggered, so whoever stops reading early leaves
///   `isReadable` set, and ``pump(_:)`` goes on once the reason is gone.
/// - Nothing grows without bound: not input (`readAhead`, contents), not output (`writeBehind`), not
///   the number of connections.
/// - A connection leaves only through ``destroy(_:)``, which tells its handlers.
actor EventLoop {
    let executor = LoopThread(name: "http")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let configuration: ServerConfiguration
    let limits: Limits
    let immediate: ImmediateHandler
    let handler: Handler
    let budget: ContentBudget
    var date = HTTPDate()
    var now = Clock.now()
    var requestCount: UInt64 = 0
    private(set) var shutdownBegan: UInt64?
    var isShuttingDown: Bool { shutdownBegan != nil }

    /// By descriptor.
    var connections: [Connection?] = []
    var connectionCount = 0
    private var generation: UInt32 = 0
    /// Set where there is a certificate: then every connection speaks TLS.
    private var tls: TLSContext?
    private var epoll: Epoll?
    private var listener: Int32 = -1
    /// A descriptor given up when the process has run out of them, to turn a client away politely.
    private var spare: Int32 = -1
    /// How often ``tick()`` is called, and when it is next, in nanoseconds.
    private var tickInterval: UInt64 = 0
    private var nextTick: UInt64 = 0
    /// When connections are no longer waited for, once the server is to end.
    private var shutdownDeadline = UInt64.max
    /// Connections with more to read than one turn's share.
    var unfinishedReads: [UInt64] = []
    private var drained: [CheckedContinuation<Void, Never>] = []
    let scratch = ReadBuffer(capacity: 64 * 1024)

    deinit { executor.end() }

    init(configuration: ServerConfiguration, immediate: @escaping ImmediateHandler, handler: @escaping Handler) {
        self.configuration = configuration
        limits = configuration.limits
        self.immediate = immediate
        self.handler = handler
        budget = ContentBudget(limit: configuration.limits.bufferedContent)
    }

    /// Listens and begins to serve; the port that was bound.
    func start() throws -> UInt16 {
        precondition(epoll == nil, "a server is started once")
        tls = try configuration.tls.map(TLSContext.init)
        let epoll = try Epoll()
        listener = try Socket.listen(host: configuration.host, port: configuration.port)
        spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
        epoll.addListener(listener, token: UInt64(UInt32(bitPattern: listener)))
        self.epoll = epoll
        let shortest = [limits.headerTimeout, limits.contentTimeout, limits.idleTimeout, limits.writeTimeout].min()
        tickInterval = min(max((shortest ?? .seconds(1)) / 4, .milliseconds(5)), .milliseconds(250)).nanoseconds
        nextTick = Clock.now() + tickInterval
        // The thread is the actor's, so its isolation can be assumed.
        executor.watch(epoll) { events in self.assumeIsolated { $0.turn(events) } }
        return Socket.port(of: listener)
    }

    /// Ends in order: see ``Server/shutdown(grace:)``.
    func shutdown(grace: Duration) async {
        guard epoll != nil, !isShuttingDown else { return }
        now = Clock.now()
        shutdownBegan = now
        epoll?.remove(listener)
        Socket.close(listener)
        for connection in connections.compactMap(\.self) { endInOrder(connection) }
        if connectionCount > 0 {
            shutdownDeadline = now + min(grace.nanoseconds, UInt64(Int64.max))
            executor.hurry()
            await withCheckedContinuation { drained.append($0) }
        }
        executor.stopWatching()
        if let epoll { Socket.close(epoll.descriptor) }
        Socket.close(spare)
    }

    private func endInOrder(_ connection: Connection) {
        switch connection.wire {
        case .http2(let session):
            session.announceEnd()
            pump(connection)
        case .http1, .undecided:
            if connection.phase == .idle { destroy(connection) }
        }
    }

    /// Handles what has happened; when the next turn is due whatever happens.
    private func turn(_ events: [Epoll.Event]) -> UInt64 {
        guard epoll != nil else { return .max }
        now = Clock.now()
        for event in events {
            if event.token == UInt64(UInt32(bitPattern: listener)) {
                acceptWaiting()
            } else if let connection = connection(of: event.token) {
                handle(event, connection)
            }
        }
        let unfinished = unfinishedReads
        unfinishedReads = []
        for token in unfinished {
            if let connection = connection(of: token) { read(connection) }
        }
        if now >= nextTick {
            tick()
            nextTick = now + tickInterval
        }
        if now >= shutdownDeadline {
            for connection in connections.compactMap(\.self) { destroy(connection) }
            shutdownDeadline = .max
        }
        return unfinishedReads.isEmpty ? min(nextTick, shutdownDeadline) : now
    }

    private func handle(_ event: Epoll.Event, _ connection: Connection) {
        if event.isGone { return destroy(connection) }
        if event.hasEnded { connection.endIsNear = true }
        if event.isReadable {
            connection.isReadable = true
            read(connection)
        }
        if event.isWritable, connection.pendingOutput > 0 { pump(connection) }
    }

    private func acceptWaiting() {
        for _ in 0..<64 {
            let descriptor = Socket.accept(listener)
            if descriptor < 0 {
                guard errno == EMFILE || errno == ENFILE else { return }
                // Nothing can be opened: use the spare descriptor to take one client and let it go,
                // or the listener would be reported for ever.
                Socket.close(spare)
                let turnedAway = Socket.accept(listener)
                if turnedAway >= 0 { Socket.close(turnedAway) }
                spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
                continue
            }
            if connectionCount >= limits.connections, !evictOne() {
                turnAway(descriptor)
                continue
            }
            adopt(descriptor)
        }
    }

    private func adopt(_ descriptor: Int32) {
        generation = generation == .max ? 1 : generation + 1
        var session: TLSSession?
        if let tls {
            session = TLSSession(tls)
            guard session != nil else { return Socket.close(descriptor) }
        }
        let connection = Connection(
            descriptor: descriptor, generation: generation, tls: session, limits: limits, now: now)
        while connections.count <= Int(descriptor) { connections.append(nil) }
        connections[Int(descriptor)] = connection
        connectionCount += 1
        epoll?.addConnection(descriptor, token: connection.token)
    }

    /// Makes room by closing the connection that has had nothing to do for longest.
    private func evictOne() -> Bool {
        let candidates = connections.compactMap(\.self).filter { $0.phase == .idle || $0.phase == .lingering }
        guard let oldest = candidates.min(by: { $0.since < $1.since }) else { return false }
        destroy(oldest)
        return true
    }

    private func turnAway(_ descriptor: Int32) {
        // Over TLS there is nobody to talk to before hands are shaken.
        guard tls == nil else { return Socket.close(descriptor) }
        var output: [UInt8] = []
        date.update()
        let response = configuration.refusal(Refusal(.overloaded, "too many connections; try again in a moment"))
        appendAnswer(response, isHead: false, persistence: .close, to: &output)
        output.withUnsafeBufferPointer { _ = Socket.send(descriptor, $0) }
        Socket.endSending(descriptor)
        Socket.close(descriptor)
    }

    private func connection(of token: UInt64) -> Connection? {
        connection(descriptor: Int32(truncatingIfNeeded: token), generation: UInt32(token >> 32))
    }

    func connection(descriptor: Int32, generation: UInt32) -> Connection? {
        guard descriptor >= 0, Int(descriptor) < connections.count, let found = connections[Int(descriptor)],
            found.generation == generation
        else { return nil }
        return found
    }

    /// Closes at once. Handlers in progress are told that the client is gone.
    func destroy(_ connection: Connection) {
        guard connection.phase != .closed else { return }
        connection.phase = .closed
        for exchange in connection.exchanges.values {
            budget.give(back: exchange.contentCount)
            exchange.cancel()
        }
        connection.exchanges = [:]
        budget.give(back: connection.contentReceived)
        connection.contentReceived = 0
        connections[Int(connection.descriptor)] = nil
        connectionCount -= 1
        // Closing takes the descriptor out of the epoll set as well.
        Socket.close(connection.descriptor)
        if connectionCount == 0 {
            for waiting in drained { waiting.resume() }
            drained = []
        }
    }
}
