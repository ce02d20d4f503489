import Dispatch
import Synchronization

/// Raised once, by whoever no longer wants an answer; read at layer boundaries.
final class CancellationFlag: Sendable {
    private let raised = Atomic<Bool>(false)

    var isRaised: Bool { raised.load(ordering: .acquiring) }

    func raise() { raised.store(true, ordering: .releasing) }
}

/// One body on its way to the engine thread. Exactly one of `perform` and `refuse` is called, once.
struct Assignment: Sendable {
    let lane: EngineThread.Lane
    let cancellation: CancellationFlag
    /// Runs the body and resumes its caller.
    let perform: @Sendable (LayerBoundary) -> Void
    /// Resumes the caller without running the body.
    let refuse: @Sendable (any Error) -> Void
}

/// The two queues before the engine thread, and the loop that the thread runs. The rules stand at ``EngineThread``.
final class EngineLanes: Sendable {
    private struct State {
        var interactive: [Assignment] = []
        var batch: [Assignment] = []
        /// Of the bodies on the stack: one, or a batch body and an interactive one.
        var running: [CancellationFlag] = []
        var isStopped = false
    }

    private let interactiveLimit: Int
    private let state = Mutex(State())
    /// Signalled for each submission. The loop drains everything that waits, so it may wake for nothing, never too late.
    private let submissions = DispatchSemaphore(value: 0)

    init(interactiveLimit: Int) {
        self.interactiveLimit = interactiveLimit
    }

    var waiting: (interactive: Int, batch: Int) {
        state.withLock { ($0.interactive.count, $0.batch.count) }
    }

    func submit(_ assignment: Assignment) {
        let refusal: (any Error)? = state.withLock { state in
            // The cancellation handler may have run before there was anything to remove.
            if assignment.cancellation.isRaised { return CancellationError() }
            if state.isStopped { return EngineError.stopped }
            switch assignment.lane {
            case .interactive:
                if state.interactive.count >= interactiveLimit { return EngineError.busy(limit: interactiveLimit) }
                state.interactive.append(assignment)
            case .batch:
                state.batch.append(assignment)
            }
            return nil
        }
        if let refusal { assignment.refuse(refusal) } else { submissions.signal() }
    }

    /// Takes out what was cancelled before it began.
    func removeCancelled() {
        let removed = state.withLock { state in
            let removed = (state.interactive + state.batch).filter(\.cancellation.isRaised)
            state.interactive.removeAll(where: \.cancellation.isRaised)
            state.batch.removeAll(where: \.cancellation.isRaised)
            return removed
        }
        for assignment in removed { assignment.refuse(CancellationError()) }
    }

    func stop() {
        let removed = state.withLock { state in
            state.isStopped = true
            for flag in state.running { flag.raise() }
            let removed = state.interactive + state.batch
            state.interactive = []
            state.batch = []
            return removed
        }
        for assignment in removed { assignment.refuse(EngineError.stopped) }
        submissions.signal()
    }

    /// The thread's life: returns when stopped.
    func serve() {
        while true {
            submissions.wait()
            repeat {
                runWaitingInteractive()
                if let batch = state.withLock({ $0.batch.isEmpty ? nil : $0.batch.removeFirst() }) { run(batch) }
            } while waiting != (0, 0)
            if state.withLock({ $0.isStopped }) { return }
        }
    }

    /// Runs the interactive bodies that wait now, and not those that come meanwhile.
    private func runWaitingInteractive() {
        var left = waiting.interactive
        while left > 0, let next = state.withLock({ $0.interactive.isEmpty ? nil : $0.interactive.removeFirst() }) {
            run(next)
            left -= 1
        }
    }

    private func run(_ assignment: Assignment) {
        let flag = assignment.cancellation
        let stopped = state.withLock { state in
            state.running.append(flag)
            return state.isStopped
        }
        defer { state.withLock { _ = $0.running.popLast() } }
        if stopped { return assignment.refuse(EngineError.stopped) }
        if flag.isRaised { return assignment.refuse(CancellationError()) }
        assignment.perform(
            LayerBoundary {
                if flag.isRaised { throw CancellationError() }
                if assignment.lane == .batch {
                    self.runWaitingInteractive()
                    if flag.isRaised { throw CancellationError() }
                }
            })
    }
}
