import CLinux
import Foundation
import Synchronization

/// The thread that an ``EventLoop`` lives on, and the actor's executor: it waits for sockets and for the actor's jobs at once.
///
/// A thread of its own, because it must run at once while the engine's threads fill all cores: the kernel wakes it without a
/// detour over another thread, and it asks the scheduler for short turns, which are early ones.
final class LoopThread: SerialExecutor {
    /// Handles what has happened to sockets, and says by when it wants to be called again whatever happens, in nanoseconds of
    /// ``Clock``.
    typealias Turn = @Sendable (_ events: [Epoll.Event]) -> UInt64

    private struct State {
        var jobs: [UnownedJob] = []
        var sockets: Epoll?
        var turn: Turn?
        /// The thread waits, or is about to: whoever has something for it must ring.
        var isAsleep = false
        /// There is something to do that no socket will report.
        var isHurried = false
        var hasThread = false
        var isEnded = false
    }

    /// The time after which others of its priority have their turn, in nanoseconds: the least that the kernel grants.
    private static let slice: UInt64 = 100_000

    private let name: String
    private let state = Mutex(State())
    /// eventfd(2). Negative where no descriptor was left; then the thread looks around by itself.
    private let bell = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    private let thread = Atomic<UInt>(0)

    init(name: String) {
        self.name = name
    }

    deinit {
        if bell >= 0 { Socket.close(bell) }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let starts = change { state in
            state.jobs.append(job)
            defer { state.hasThread = true }
            return !state.hasThread
        }
        guard starts else { return }
        // The thread holds this object until it is told to end.
        Thread { self.run() }.start()
    }

    /// Waits for `sockets` too from now on, and calls `turn` with what has happened to them.
    func watch(_ sockets: Epoll, _ turn: @escaping Turn) {
        // Each ring is an event of its own, so that nobody need empty the bell.
        sockets.addBell(bell, token: .max)
        change {
            $0.sockets = sockets
            $0.turn = turn
        }
    }

    /// Lets go of the sockets, and of what the turn holds.
    func stopWatching() {
        change {
            $0.sockets = nil
            $0.turn = nil
        }
    }

    /// Has the next turn begin without waiting.
    func hurry() {
        change { $0.isHurried = true }
    }

    /// Ends the thread once there are no jobs.
    func end() {
        change { $0.isEnded = true }
    }

    func checkIsolated() {
        precondition(thread.load(ordering: .relaxed) == UInt(pthread_self()), "not on the thread \(name)")
    }

    /// Changes the state, and sees to it that the thread looks at it.
    private func change<Result>(_ body: (inout State) -> Result) -> Result {
        let (result, rings) = state.withLock { state in
            defer { state.isAsleep = false }
            return (body(&state), state.isAsleep)
        }
        if rings { eventfd_write(bell, 1) }
        return result
    }

    private func run() {
        // Only a thread itself can give the kernel its name.
        Thread.current.name = name
        thread.store(UInt(pthread_self()), ordering: .relaxed)
        clinux_set_slice(Self.slice)
        let executor = asUnownedSerialExecutor()
        var events: [Epoll.Event] = []
        var deadline: UInt64 = 0
        while true {
            let (jobs, isEnded) = state.withLock { state in
                defer { state.jobs = [] }
                return (state.jobs, state.isEnded)
            }
            for job in jobs { job.runSynchronously(on: executor) }
            if isEnded, jobs.isEmpty { return }
            let (sockets, sleeps) = state.withLock { state in
                state.isAsleep = state.jobs.isEmpty && !state.isEnded && !state.isHurried
                state.isHurried = false
                return (state.sockets, state.isAsleep)
            }
            let milliseconds = sleeps ? patience(deadline, watches: sockets != nil) : 0
            if let sockets {
                sockets.poll(into: &events, milliseconds: milliseconds)
            } else {
                waitForBell(milliseconds)
            }
            let turn = state.withLock { state in
                state.isAsleep = false
                return state.turn
            }
            if sockets != nil, let turn { deadline = turn(events) }
        }
    }

    /// How long to wait; -1 is for ever.
    private func patience(_ deadline: UInt64, watches: Bool) -> Int32 {
        guard bell >= 0 else { return 1 }
        guard watches else { return -1 }
        let now = Clock.now()
        return deadline <= now ? 0 : Int32(min(60_000, (deadline - now + 999_999) / 1_000_000))
    }

    private func waitForBell(_ milliseconds: Int32) {
        var member = pollfd(fd: bell, events: Int16(POLLIN), revents: 0)
        _ = poll(&member, 1, milliseconds)
        var rings: eventfd_t = 0
        _ = eventfd_read(bell, &rings)
    }
}
