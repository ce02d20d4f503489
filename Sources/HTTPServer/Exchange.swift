import Synchronization

/// Names a request that is being answered. Outlives it: the loop finds nothing under a stale one.
struct ExchangeID: Sendable, Hashable {
    let descriptor: Int32
    let generation: UInt32
    let stream: Int32
}

/// A request that a handler is answering; lives on the loop.
final class Exchange {
    /// How the pieces of a streamed answer are framed over HTTP/1.
    enum Pieces {
        case chunks
        /// Not at all: the content ends at its announced length, or with the connection (HTTP/1.0).
        case bare
    }

    let cancellation: Cancellation
    let isHead: Bool
    let protocolVersion: Request.ProtocolVersion
    /// Bytes of content that are counted in the budget until the answer is complete.
    let contentCount: Int
    var task: Task<Void, Never>?
    var pieces: Pieces?
    /// Bytes that an announced length still promises.
    var promised: Int?
    /// Writers that wait until the client has caught up.
    var waiters: [CheckedContinuation<Void, any Error>] = []

    init(
        cancellation: Cancellation, isHead: Bool, protocolVersion: Request.ProtocolVersion, contentCount: Int
    ) {
        self.cancellation = cancellation
        self.isHead = isHead
        self.protocolVersion = protocolVersion
        self.contentCount = contentCount
    }

    func resumeWaiters() {
        guard !waiters.isEmpty else { return }
        for waiter in waiters { waiter.resume() }
        waiters = []
    }

    /// The client is gone: tells the handler in every way there is.
    func cancel() {
        cancellation.cancel()
        task?.cancel()
        for waiter in waiters { waiter.resume(throwing: ClientGone()) }
        waiters = []
    }
}

/// How many handler tasks of a connection have not returned, cancelled ones included: what a client
/// cannot hide by resetting its streams.
final class RunningHandlers: Sendable {
    private let counter = Atomic(0)

    var count: Int { counter.load(ordering: .relaxed) }
    func begin() { counter.add(1, ordering: .relaxed) }
    func end() { counter.subtract(1, ordering: .relaxed) }
}
