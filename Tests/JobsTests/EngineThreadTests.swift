import Foundation
import Glibc
import Jobs
import Synchronization
import Testing

@Suite("The engine thread") struct EngineThreadTests {
    /// Holds the engine thread until `count` interactive bodies wait.
    private static func await(_ engine: EngineThread, interactive count: Int) {
        while engine.waiting.interactive < count { sched_yield() }
    }

    @Test("every body runs on the same thread, at a lower priority, with room for deep calls")
    func oneThread() async throws {
        @Sendable func descend(_ depth: Int) -> Int {
            withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 16) { buffer in
                buffer[0] = UInt8(depth & 1)
                return depth == 0 ? Int(buffer[0]) : descend(depth - 1) + Int(buffer[0])
            }
        }
        let engine = EngineThread()
        let first = try await engine.run(.interactive) { _ in pthread_self() }
        let second = try await engine.run(.batch) { _ in pthread_self() }
        #expect(first == second)
        #expect(first != pthread_self())
        let niceness = try await engine.run(.batch) { _ in getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }
        #expect(niceness >= 10)
        #expect(try await engine.run(.batch) { _ in descend(160) } == 80)
    }

    @Test("an interactive body overtakes a batch at its next layer boundary")
    func overtaking() async throws {
        let engine = EngineThread()
        let journal = Journal()
        let (begun, begin) = AsyncStream<Void>.makeStream()
        async let batch: Void = engine.run(.batch) { boundary in
            begin.finish()
            Self.await(engine, interactive: 1)
            journal.note("layer 0")
            try boundary.pass()
            journal.note("layer 1")
            try boundary.pass()
            journal.note("layer 2")
        }
        for await _ in begun {}
        try await engine.run(.interactive) { _ in journal.note("caption") }
        try await batch
        #expect(journal.all == ["layer 0", "caption", "layer 1", "layer 2"])
    }

    @Test("an interactive body is not interrupted by another")
    func noNesting() async throws {
        let engine = EngineThread()
        let journal = Journal()
        let (begun, begin) = AsyncStream<Void>.makeStream()
        async let first: Void = engine.run(.interactive) { boundary in
            begin.finish()
            Self.await(engine, interactive: 1)
            journal.note("in")
            try boundary.pass()
            journal.note("out")
        }
        for await _ in begun {}
        try await engine.run(.interactive) { _ in journal.note("second") }
        try await first
        #expect(journal.all == ["in", "out", "second"])
    }

    @Test("cancelling is felt at the next boundary")
    func cancelling() async throws {
        let engine = EngineThread()
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let task = Task {
            try await engine.run(.batch) { boundary in
                begin.finish()
                while true { try boundary.pass() }
            }
        }
        for await _ in begun {}
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await engine.run(.batch) { _ in 7 } == 7)
    }

    @Test("a body that is cancelled while it waits never runs")
    func cancelledBeforeTheStart() async throws {
        let engine = EngineThread()
        let release = DispatchSemaphore(value: 0)
        let ran = Journal()
        let (begun, begin) = AsyncStream<Void>.makeStream()
        async let occupied: Void = engine.run(.batch) { _ in
            begin.finish()
            release.wait()
        }
        for await _ in begun {}
        let waiting = Task { try await engine.run(.batch) { _ in ran.note("ran") } }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        release.signal()
        try await occupied
        #expect(try await engine.run(.batch) { _ in ran.all }.isEmpty)
    }

    @Test("more interactive bodies than may wait are refused")
    func busy() async throws {
        let engine = EngineThread(interactiveLimit: 1)
        let release = DispatchSemaphore(value: 0)
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let occupied = Task {
            try await engine.run(.batch) { _ in
                begin.finish()
                release.wait()
            }
        }
        for await _ in begun {}
        let waiting = Task { try await engine.run(.interactive) { _ in 1 } }
        while engine.waiting.interactive < 1 { await Task.yield() }
        await #expect(throws: EngineError.busy(limit: 1)) { try await engine.run(.interactive) { _ in 2 } }
        release.signal()
        try await occupied.value
        #expect(try await waiting.value == 1)
    }

    @Test("errors come through; a stopped engine cancels what runs and refuses the rest")
    func errorsAndStop() async throws {
        let engine = EngineThread()
        await #expect(throws: FakeRunner.Trouble.self) {
            try await engine.run(.interactive) { _ in throw FakeRunner.Trouble(description: "no") }
        }
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let running = Task {
            try await engine.run(.batch) { boundary in
                begin.finish()
                while true { try boundary.pass() }
            }
        }
        for await _ in begun {}
        engine.stop()
        await #expect(throws: CancellationError.self) { try await running.value }
        await #expect(throws: EngineError.stopped) { try await engine.run(.batch) { _ in 1 } }
    }
}
