import Jobs
import Logging
import Store
import StrictJSON
import Synchronization
import Testing

@Suite("The worker") struct WorkerTests {
    let shop: Workshop

    init() async throws {
        shop = try await Workshop()
    }

    /// A runner whose group `number` passes boundaries until it is cancelled, and a stream that ends when it has begun.
    private func endless(_ number: Int) -> (runner: FakeRunner, begun: AsyncStream<Void>) {
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let runner = FakeRunner(layers: { group, boundary in
            guard group.number == number else { return }
            begin.finish()
            while true { try boundary.pass() }
        })
        return (runner, begun)
    }

    private func ordinals(_ job: String) async throws -> [Int] {
        try await shop.store.cells(CellQuery(job: job)).elements.map(\.ordinal)
    }

    @Test("a job is run group by group to its end, with a summary")
    func wholeJob() async throws {
        let job = try await shop.submit(total: 5)
        let runner = FakeRunner()
        try await shop.working(with: runner) {
            let ended = try await shop.queue.wait(for: job.id)
            #expect(ended.status == .succeeded)
            #expect(ended.progress == JobProgress(done: 5, failed: 0, total: 5))
            #expect(ended.summary == #"{"cells": 5}"#)
            #expect(ended.error == nil)
        }
        #expect(runner.journal.all == ["group 0", "group 1", "group 2"])
        #expect(try await ordinals(job.id) == [0, 1, 2, 3, 4])
    }

    @Test("a job submitted while the worker idles is begun without delay")
    func wakes() async throws {
        try await shop.working(with: FakeRunner()) {
            for _ in 0..<5 {
                let job = try await shop.submit(total: 2)
                #expect(try await shop.queue.wait(for: job.id).status == .succeeded)
            }
        }
    }

    @Test("after a crash only the groups that are not recorded are computed, in a new attempt")
    func resume() async throws {
        let job = try await shop.submit(total: 6)
        let dead = try #require(try await shop.store.claim(owner: "dead", for: .seconds(30)))
        let prepared = try await FakeRunner().prepare(dead.job)
        for group in prepared.groups.prefix(2) {
            _ = try await shop.store.record(
                try await prepared.computation(of: group)(LayerBoundary()), under: dead.lease)
        }
        shop.clock.advance(by: .seconds(30))
        let runner = FakeRunner()
        try await shop.working(with: runner) {
            let ended = try await shop.queue.wait(for: job.id)
            #expect(ended.status == .succeeded)
            #expect(ended.attempt == 2)
        }
        #expect(runner.journal.all == ["group 2"])
        #expect(try await ordinals(job.id) == [0, 1, 2, 3, 4, 5])
        await #expect(throws: StoreError.leaseLost(job: job.id)) { try await shop.store.record([], under: dead.lease) }
    }

    @Test("a running job is cancelled at a layer boundary; what was recorded stands")
    func cancel() async throws {
        let job = try await shop.submit(total: 6)
        let (runner, begun) = endless(1)
        try await shop.working(with: runner) {
            for await _ in begun {}
            let asked = try await shop.queue.cancel(job.id)
            #expect(asked.status == .cancelling)
            let ended = try await shop.queue.wait(for: job.id)
            #expect(ended.status == .cancelled)
        }
        #expect(try await ordinals(job.id) == [0, 1])
    }

    @Test("an orderly stop releases the job at a layer boundary; the next worker goes on in the same attempt")
    func shutdown() async throws {
        let job = try await shop.submit(total: 6)
        let (stopped, begun) = endless(1)
        try await shop.working(with: stopped) { for await _ in begun {} }
        let left = try #require(try await shop.store.job(job.id))
        #expect(left.status == .running)
        #expect(left.leaseOwner == nil)
        let runner = FakeRunner()
        try await shop.working(with: runner) {
            let ended = try await shop.queue.wait(for: job.id)
            #expect(ended.status == .succeeded)
            #expect(ended.attempt == 1)
        }
        #expect(runner.journal.all == ["group 1", "group 2"])
    }

    @Test("a cell that fails is a row, the others run on, and the job ends failed naming it")
    func failingCell() async throws {
        let job = try await shop.submit(total: 4)
        try await shop.working(with: FakeRunner(failing: [1, 2])) {
            let ended = try await shop.queue.wait(for: job.id)
            #expect(ended.status == .failed)
            #expect(ended.progress == JobProgress(done: 4, failed: 2, total: 4))
            let error = try JSONParser.parse(try #require(ended.error))
            #expect(error["cell"]?.stringValue == "\(job.id)/1")
            #expect(
                error["message"]?.stringValue
                    == "2 of 4 cells failed; the first, \(job.id)/1 (scene-1): the picture is torn")
        }
        #expect(try await ordinals(job.id) == [0, 1, 2, 3])
    }

    @Test("a group that throws becomes failed rows with its error, and the next group runs")
    func throwingGroup() async throws {
        let job = try await shop.submit(total: 4)
        let runner = FakeRunner(layers: { group, _ in
            if group.number == 0 { throw FakeRunner.Trouble(description: "no memory") }
        })
        try await shop.working(with: runner) {
            let ended = try await shop.queue.wait(for: job.id)
            #expect(ended.progress == JobProgress(done: 4, failed: 2, total: 4))
        }
        let cells = try await shop.store.cells(CellQuery(job: job.id)).elements
        #expect(cells.map(\.status) == [.failed, .failed, .ok, .ok])
        #expect(cells[0].error == #"{"message": "no memory"}"#)
    }

    @Test("a job that cannot be prepared, or whose plan has other cells, ends failed with the reason")
    func cannotRun() async throws {
        let first = try await shop.submit(total: 4)
        let unprepared = FakeRunner(preparation: { throw FakeRunner.Trouble(description: "model gate is gone") })
        try await shop.working(with: unprepared) {
            let ended = try await shop.queue.wait(for: first.id)
            #expect(ended.status == .failed)
            #expect(ended.error?.contains("model gate is gone") == true)
        }
        let second = try await shop.submit(total: 4)
        try await shop.working(with: FakeRunner(planned: 3)) {
            let ended = try await shop.queue.wait(for: second.id)
            #expect(ended.error?.contains("The plan has 3 cells where the job has 4") == true)
        }
    }

    @Test("a job that outlived too many workers ends failed with a sentence")
    func crashLoop() async throws {
        let job = try await shop.submit(total: 4)
        for _ in 0..<5 {
            _ = try #require(try await shop.store.claim(owner: "dead", for: .seconds(30)))
            shop.clock.advance(by: .seconds(30))
        }
        let runner = FakeRunner()
        try await shop.working(with: runner) {
            let ended = try await shop.queue.wait(for: job.id)
            #expect(ended.status == .failed)
            #expect(ended.error?.contains("Given up after 5 attempts") == true)
        }
        #expect(runner.journal.all.isEmpty)
    }

    @Test("a run whose lease is lost is abandoned and records nothing more")
    func lostLease() async throws {
        let job = try await shop.submit(total: 4)
        let (runner, begun) = endless(1)
        let (ticks, tick) = AsyncStream<Void>.makeStream()
        let waits = Atomic(0)
        let pause: @Sendable (Duration) async throws -> Void = { duration in
            // Only the first wait ends: the one before the first renewal.
            guard waits.add(1, ordering: .relaxed).oldValue == 0 else { return try await forever(duration) }
            for await _ in ticks {}
        }
        try await shop.working(with: runner, pause: pause) {
            for await _ in begun {}
            shop.clock.advance(by: .seconds(30))
            let thief = try #require(try await shop.store.claim(owner: "thief", for: .seconds(30)))
            tick.finish()
            // The engine is free again only when the abandoned group has left it.
            try await shop.engine.run(.batch) { _ in }
            #expect(try await shop.store.finish(thief.lease, as: .succeed).status == .succeeded)
        }
        #expect(try await ordinals(job.id) == [0, 1])
    }

    @Test("a cancel that outlived its worker is carried out by the next")
    func cancelAfterCrash() async throws {
        let job = try await shop.submit(total: 4)
        _ = try await shop.store.claim(owner: "dead", for: .seconds(30))
        #expect(try await shop.queue.cancel(job.id).status == .cancelling)
        shop.clock.advance(by: .seconds(30))
        let runner = FakeRunner()
        try await shop.working(with: runner) {
            let ended = try await shop.queue.wait(for: job.id)
            #expect(ended.status == .cancelled)
        }
        #expect(runner.journal.all.isEmpty)
    }

    @Test("a disk that fails under a job costs it neither its life nor an attempt")
    func failingDisk() async throws {
        let job = try await shop.submit(total: 4)
        let troubles = Atomic(0)
        var runner = FakeRunner()
        runner.preparation = {
            if troubles.add(1, ordering: .relaxed).oldValue < 7 { throw StoreError.database("disk I/O error") }
        }
        // Leases are not renewed, the disk is looked at again at once.
        let pause: @Sendable (Duration) async throws -> Void = { if $0 >= .seconds(10) { try await forever($0) } }
        try await shop.working(with: runner, pause: pause) {
            let ended = try await shop.queue.wait(for: job.id)
            #expect(ended.status == .succeeded && ended.attempt == 1)
        }
        #expect(troubles.load(ordering: .relaxed) == 8)
    }

    @Test("what the disk refuses is tried again until it is taken, or nobody wants it any more")
    func patience() async throws {
        let tries = Atomic(0)
        let patience = DiskPatience(logger: Logger(label: "test"), pause: { _ in try Task.checkCancellation() })
        let value = try await patience.persist("test", of: "j") {
            guard tries.add(1, ordering: .relaxed).newValue == 5 else { throw StoreError.full("no space") }
            return "done"
        }
        #expect(value == "done" && tries.load(ordering: .relaxed) == 5)
        await #expect(throws: StoreError.leaseLost(job: "j")) {
            try await patience.persist("test", of: "j") { throw StoreError.leaseLost(job: "j") }
        }
        let cancelled = Task {
            try await patience.persist("test", of: "j") {
                withUnsafeCurrentTask { $0?.cancel() }
                throw StoreError.full("no space")
            }
        }
        await #expect(throws: StoreError.full("no space")) { try await cancelled.value }
    }
}
