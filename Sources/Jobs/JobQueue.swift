package import Store

/// The jobs of this process: the door through which requests enter and from which workers take.
///
/// The truth is the store's. What is kept here is only what must be told at once: which run to stop, which worker to wake,
/// who follows which job. All of it may be lost with the process.
///
/// Everything that changes a job goes through here, after it is durable, so that followers hear of it. The actor may be
/// entered by others while it awaits the store; two notices may then overtake each other, and a follower is never told
/// of a state older than the one it knows.
package actor JobQueue {
    /// A job's state as a follower hears of it.
    package struct Update: Sendable, Equatable {
        package let job: String
        package let state: JobState
        /// Seconds until the last cell, by this run's speed so far; `nil` while nothing is known.
        package let etaSeconds: Double?
    }

    private struct Follower {
        let continuation: AsyncStream<Update>.Continuation
        var known: JobState?
    }

    /// A job that a worker of this process has.
    private struct Run {
        let began: ContinuousClock.Instant
        let doneBefore: Int
        var state: JobState
        var cancel: (@Sendable () -> Void)?

        var etaSeconds: Double? {
            let computed = state.progress.done - doneBefore
            guard computed > 0 else { return nil }
            let left = max(0, state.progress.total - state.progress.done)
            return (ContinuousClock.now - began) / .seconds(1) / Double(computed) * Double(left)
        }
    }

    package nonisolated let store: Store
    /// How many unfinished jobs there may be.
    package nonisolated let limit: Int
    private nonisolated let identifiers: JobIdentifierGenerator

    private var runs: [String: Run] = [:]
    /// Jobs whose cancel was acknowledged and whose run may not have heard of it.
    private var cancelRequests: Set<String> = []
    private var followers: [String: [Int: Follower]] = [:]
    private var workers: [Int: AsyncStream<Void>.Continuation] = [:]
    private var lastKey = 0

    /// - Parameter limit: how many unfinished jobs the queue takes.
    package init(store: Store, limit: Int = 10_000) async throws {
        self.store = store
        self.limit = limit
        identifiers = JobIdentifierGenerator(after: try await store.newestJob().flatMap { JobIdentifier($0) })
    }

    /// A name for a job, larger than every one before.
    package nonisolated func newIdentifier() -> String {
        identifiers.next().text
    }

    /// Queues a job; durable when this returns.
    ///
    /// - Parameters:
    ///   - request: JSON, as accepted, defaults filled in.
    ///   - total: how many cells it will have.
    ///   - states: digests of the states that the request names.
    ///   - idempotencyKey: the client's name for the request; the job that it has made already is returned.
    ///   - key: whose job it is, where there are keys.
    /// - throws: ``StoreError/queueFull(limit:)``; ``StoreError/unknownState(_:)`` for one that was deleted meanwhile;
    ///   ``StoreError/idempotencyKeyReused(key:job:)``; ``StoreError/quota(_:limit:)``.
    package func submit(
        kind: String, model: String, request: String, total: Int, states: [String] = [],
        idempotencyKey: IdempotencyKey? = nil, key: KeyRecord? = nil
    ) async throws -> JobRecord {
        let submission = JobSubmission(
            id: newIdentifier(), kind: kind, model: model, request: request, total: total, states: states,
            idempotencyKey: idempotencyKey, key: key)
        let job = try await store.submit(submission, limit: limit)
        wakeWorkers()
        return job
    }

    /// Asks for a job's end. A running group feels it at its next layer.
    ///
    /// - Returns: the job, `cancelled` if nobody had begun it, else `cancelling`.
    /// - throws: ``StoreError/unknownJob(_:)``, ``StoreError/conflict(job:status:action:)`` if it has ended.
    package func cancel(_ id: String) async throws -> JobRecord {
        let job = try await store.requestCancel(id)
        if job.status == .cancelling { interrupt(id) }
        publish(job.state, of: id)
        return job
    }

    /// Seconds until the job's last cell, if it runs here and its speed is known.
    package func etaSeconds(of id: String) -> Double? {
        runs[id]?.etaSeconds
    }

    // MARK: Followers

    /// A job's states from now on, the present one first, the last one when it has ended; then the stream ends.
    ///
    /// A follower that is slow is told the newest state only. Cells it reads from the store.
    ///
    /// - throws: ``StoreError/unknownJob(_:)``.
    package func follow(_ id: String) async throws -> AsyncStream<Update> {
        let (stream, continuation) = AsyncStream.makeStream(of: Update.self, bufferingPolicy: .bufferingNewest(1))
        lastKey += 1
        let key = lastKey
        // Before the look at the store: what happens between the two is heard.
        followers[id, default: [:]][key] = Follower(continuation: continuation)
        continuation.onTermination = { [weak self] _ in
            Task { await self?.forget(follower: key, of: id) }
        }
        do {
            guard let job = try await store.job(id) else { throw StoreError.unknownJob(id) }
            tell(key, job.state, of: id)
        } catch {
            continuation.finish()
            throw error
        }
        return stream
    }

    /// Waits until a job has ended, for `timeout` at most, and returns it as it then is.
    ///
    /// - throws: ``StoreError/unknownJob(_:)``; `CancellationError` if the waiting task is cancelled.
    package func wait(for id: String, timeout: Duration? = nil) async throws -> JobRecord {
        let updates = try await follow(id)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                for await update in updates where update.state.status.isEnded { return }
            }
            if let timeout { tasks.addTask { try await Task.sleep(for: timeout) } }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
        try Task.checkCancellation()
        guard let job = try await store.job(id) else { throw StoreError.unknownJob(id) }
        return job
    }

    private func publish(_ state: JobState, of id: String) {
        if runs[id] != nil { runs[id]?.state = state }
        for key in Array((followers[id] ?? [:]).keys) { tell(key, state, of: id) }
    }

    private func tell(_ key: Int, _ state: JobState, of id: String) {
        guard let follower = followers[id]?[key] else { return }
        if let known = follower.known, !state.isNewer(than: known) { return }
        followers[id]?[key]?.known = state
        follower.continuation.yield(Update(job: id, state: state, etaSeconds: runs[id]?.etaSeconds))
        if state.status.isEnded { follower.continuation.finish() }
    }

    private func forget(follower key: Int, of id: String) {
        followers[id]?[key] = nil
        if followers[id]?.isEmpty == true { followers[id] = nil }
    }

    // MARK: Workers

    /// Tells a worker when to look for jobs: once at the beginning, then whenever there may be one.
    func wakeups() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        lastKey += 1
        let key = lastKey
        workers[key] = continuation
        continuation.onTermination = { [weak self] _ in
            Task { await self?.forget(worker: key) }
        }
        continuation.yield()
        return stream
    }

    func wakeWorkers() {
        for worker in workers.values { worker.yield() }
    }

    private func forget(worker key: Int) {
        workers[key] = nil
    }

    /// Takes the oldest job that nobody runs.
    func claim(owner: String, for length: Duration) async throws -> ClaimedJob? {
        guard let claimed = try await store.claim(owner: owner, for: length) else { return nil }
        publish(claimed.job.state, of: claimed.job.id)
        return claimed
    }

    /// Notes that a claimed job runs here; `cancel` is called, perhaps at once, when its end is asked for.
    func begin(_ job: JobRecord, cancel: @escaping @Sendable () -> Void) {
        runs[job.id] = Run(began: .now, doneBefore: job.progress.done, state: job.state, cancel: cancel)
        if cancelRequests.contains(job.id) { cancel() }
    }

    /// Notes that it no longer runs here. Returns whether its cancel was asked for.
    func end(_ id: String) -> Bool {
        runs[id] = nil
        return cancelRequests.remove(id) != nil
    }

    private func interrupt(_ id: String) {
        cancelRequests.insert(id)
        runs[id]?.cancel?()
    }

    func record(_ cells: [CellRecord], under lease: Lease) async throws -> JobState {
        let state = try await store.record(cells, under: lease)
        publish(state, of: lease.job)
        return state
    }

    func renew(_ lease: Lease, for length: Duration) async throws {
        // A cancel that came in through another process is heard here.
        if try await store.renew(lease, for: length).status == .cancelling { interrupt(lease.job) }
    }

    func release(_ lease: Lease) async throws {
        try await store.release(lease)
        wakeWorkers()
    }

    func finish(_ lease: Lease, as event: JobStatus.Event, error: String? = nil, summary: String? = nil) async throws {
        let job = try await store.finish(lease, as: event, error: error, summary: summary)
        publish(job.state, of: lease.job)
    }
}

extension JobState {
    /// Whether it comes after `other` in the same job's life: nothing in it ever goes back.
    fileprivate func isNewer(than other: JobState) -> Bool {
        self != other && status.order >= other.status.order && attempt >= other.attempt
            && progress.done >= other.progress.done
    }
}

extension JobStatus {
    fileprivate var order: Int {
        switch self {
        case .queued: 0
        case .running: 1
        case .cancelling: 2
        case .succeeded, .failed, .cancelled: 3
        }
    }
}
