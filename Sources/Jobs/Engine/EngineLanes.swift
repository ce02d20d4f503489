import Dispatch
import Synchronization

/// Raised once, by whoever no longer wants an answer; read at layer boundaries and between tokens.
final class CancellationFlag: Sendable {
    private let raised = Atomic<Bool>(false)

    var isRaised: Bool { raised.load(ordering: .acquiring) }

    func raise() { raised.store(true, ordering: .releasing) }
}

/// One body on its way to the engine thread. Either it is performed or it is refused, once.
struct Assignment: Sendable {
    let lane: EngineThread.Lane
    let cancellation: CancellationFlag
    /// What the caption that the body begins will hold; `nil` for a body that is over when it returns.
    var caption: DecodingMemory?
    /// Runs the body and resumes its caller, or hands it to the captions, with the body's place in the order of all.
    let perform: @Sendable (LayerBoundary, CaptionBatch, _ number: Int) -> Void
    /// Resumes the caller without running the body.
    let refuse: @Sendable (any Error) -> Void
}

/// The two queues before the engine thread, and the loop that the thread runs. The rules stand at ``EngineThread``.
final class EngineLanes: Sendable {
    private struct Waiting {
        let number: Int
        let assignment: Assignment
    }

    private struct State {
        var interactive: [Waiting] = []
        var batch: [Waiting] = []
        /// How many bodies came.
        var submitted = 0
        /// Of the bodies on the stack: one, or a batch body and an interactive one.
        var running: [CancellationFlag] = []
        var isStopped = false
    }

    private let interactiveLimit: Int
    private let decodingLimits: DecodingLimits
    private let state = Mutex(State())
    /// Signalled for each submission. The loop drains everything that waits, so it may wake for nothing, never too late.
    private let submissions = DispatchSemaphore(value: 0)

    init(interactiveLimit: Int, decodingLimits: DecodingLimits) {
        self.interactiveLimit = interactiveLimit
        self.decodingLimits = decodingLimits
    }

    var waiting: (interactive: Int, batch: Int) {
        state.withLock { ($0.interactive.count, $0.batch.count) }
    }

    func submit(_ assignment: Assignment) {
        let refusal: (any Error)? = state.withLock { state in
            // The cancellation handler may have run before there was anything to remove.
            if assignment.cancellation.isRaised { return CancellationError() }
            if state.isStopped { return EngineError.stopped }
            let waiting = Waiting(number: state.submitted, assignment: assignment)
            switch assignment.lane {
            case .interactive:
                if state.interactive.count >= interactiveLimit { return EngineError.busy(limit: interactiveLimit) }
                state.interactive.append(waiting)
            case .batch:
                state.batch.append(waiting)
            }
            state.submitted += 1
            return nil
        }
        if let refusal { assignment.refuse(refusal) } else { submissions.signal() }
    }

    /// Takes out what was cancelled before it began.
    func removeCancelled() {
        let removed = state.withLock { state in
            let removed = (state.interactive + state.batch).filter(\.assignment.cancellation.isRaised)
            state.interactive.removeAll(where: \.assignment.cancellation.isRaised)
            state.batch.removeAll(where: \.assignment.cancellation.isRaised)
            return removed
        }
        for waiting in removed { waiting.assignment.refuse(CancellationError()) }
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
        for waiting in removed { waiting.assignment.refuse(EngineError.stopped) }
        submissions.signal()
    }

    /// The thread's life: returns when stopped.
    func serve() {
        let captions = CaptionBatch(limits: decodingLimits) { self.isStopped }
        while true {
            submissions.wait()
            repeat {
                serveInteractive(captions)
                let batch = state.withLock { $0.batch.isEmpty ? nil : $0.batch.removeFirst() }
                if let batch { run(batch, captions) }
            } while waiting != (0, 0) || !captions.isEmpty
            if isStopped { return }
        }
    }

    private var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Serves the interactive bodies that wait now and the captions under way to their ends. What comes meanwhile is begun,
    /// too, and captions among it are decoded with the others, but nobody waits for their ends.
    private func serveInteractive(_ captions: CaptionBatch) {
        let mark = state.withLock { $0.submitted }
        repeat {
            beginInteractive(captions)
            captions.step()
        } while captions.holds(before: mark) || state.withLock { $0.interactive.contains { $0.number < mark } }
    }

    /// Runs the interactive bodies that wait now, and not those that come meanwhile. Captions for which there is no room
    /// wait, in their order; other bodies pass them.
    private func beginInteractive(_ captions: CaptionBatch) {
        var left = waiting.interactive
        while left > 0, let next = takeInteractive(captions) {
            run(next, captions)
            left -= 1
        }
    }

    private func takeInteractive(_ captions: CaptionBatch) -> Waiting? {
        state.withLock { state in
            let firstCaption = state.interactive.firstIndex { $0.assignment.caption != nil }
            let next = state.interactive.indices.first { index in
                guard let memory = state.interactive[index].assignment.caption else { return true }
                return index == firstCaption && captions.hasRoom(for: memory)
            }
            return next.map { state.interactive.remove(at: $0) }
        }
    }

    private func run(_ waiting: Waiting, _ captions: CaptionBatch) {
        let assignment = waiting.assignment
        let flag = assignment.cancellation
        let stopped = state.withLock { state in
            state.running.append(flag)
            return state.isStopped
        }
        defer { state.withLock { _ = $0.running.popLast() } }
        if stopped { return assignment.refuse(EngineError.stopped) }
        if flag.isRaised { return assignment.refuse(CancellationError()) }
        let boundary = LayerBoundary {
            if flag.isRaised { throw CancellationError() }
            switch assignment.lane {
            case .batch: self.serveInteractive(captions)
            case .interactive: captions.step()
            }
            if flag.isRaised { throw CancellationError() }
        }
        assignment.perform(boundary, captions, waiting.number)
    }
}
