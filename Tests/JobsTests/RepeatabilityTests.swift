import Foundation
import Interventions
import Jobs
import Models
import Numerics
import Store
import StrictJSON
import Synchronization
import Testing

/// The same job gives the same bits: again, after a stop in the middle of a stack, and beside captions.
@Suite("A job of random interventions") struct RepeatabilityTests {
    /// Draws variants: positions, layers, heads, modes and sites, several interventions at once.
    private struct Draw {
        var random: SplitMix64
        let direction: String
        let source: String

        mutating func pick<T>(_ values: T...) -> T { values[Int.random(in: 0..<values.count, using: &random)] }

        mutating func layers() -> JSONValue { pick("all", 0, 1, 2, 3, "1..<3", "2...") }

        mutating func positions() -> JSONValue { pick("eoi", "text", "image", "last", "soi", "2..<7", [3, 5]) }

        mutating func knockout() -> JSONValue {
            let mode = pick("zero", "mask", "value")
            var knockout = JSONObject([
                ("queries", mode == "value" ? "all" : pick("text", "all", "last", "generated")),
                ("keys", positions()), ("layers", layers()), ("mode", .string(mode)),
            ])
            if mode != "value" { knockout["heads"] = pick("all", [1], [0, 3]) }
            return .object(knockout)
        }

        mutating func patch() -> JSONValue {
            [
                "site": .string(Site.allCases.randomElement(using: &random)?.rawValue ?? "resid_in"),
                "layers": layers(), "positions": positions(), "source": ["image": .string(source)],
            ]
        }

        mutating func steer() -> JSONValue {
            [
                "site": pick("resid_out", "attn_out", "mlp_out"), "layers": layers(),
                "positions": pick("generated", "text", "last"), "direction": ["state": .string(direction)],
                "scale": pick(-1, 0, 2),
            ]
        }

        mutating func variant(_ number: Int) -> JSONValue {
            let patches = Bool.random(using: &random) ? [patch()] : []
            let steers = Int.random(in: 0..<3, using: &random) == 0 ? [steer()] : []
            let knockouts = (0..<Int.random(in: 0...2, using: &random)).map { _ in knockout() }
            return [
                "name": .string("v\(number)"), "allow_noop": true, "knockouts": .array(knockouts),
                "patches": .array(patches), "steers": .array(steers),
            ]
        }
    }

    /// Stops the work at one of the layer boundaries that a job's stacks pass, all of them counted.
    private struct StoppingRunner: JobRunner {
        let base: any JobRunner
        let boundaries = Counter()
        var stopsAt: Int?
        var stop: @Sendable () -> Void = {}

        func prepare(_ job: JobRecord) async throws -> any JobRun {
            StoppingRun(base: try await base.prepare(job), runner: self)
        }
    }

    private struct StoppingRun: JobRun {
        let base: any JobRun
        let runner: StoppingRunner

        var groups: [StackGroup] { base.groups }

        func computation(of group: StackGroup) async throws -> @Sendable (LayerBoundary) throws -> [CellRecord] {
            let computation = try await base.computation(of: group)
            return { [runner] boundary in
                try computation(
                    LayerBoundary {
                        if runner.boundaries.next() == runner.stopsAt { runner.stop() }
                        try boundary.pass()
                    })
            }
        }

        func failedCell(_ ordinal: Int, of group: StackGroup, message: String) -> CellRecord {
            base.failedCell(ordinal, of: group, message: message)
        }

        func summary(of job: JobRecord) async throws -> String? { try await base.summary(of: job) }
    }

    private final class Counter: Sendable {
        private let value = Mutex(0)

        var count: Int { value.withLock { $0 } }

        func next() -> Int {
            value.withLock {
                $0 += 1
                return $0
            }
        }
    }

    /// A service over a database of its own, without a worker.
    private func withFixture<T>(_ format: NumberFormat, _ body: (ServiceFixture) async throws -> T) async throws -> T {
        let fixture = try await ServiceFixture(numberFormat: format)
        defer { try? FileManager.default.removeItem(at: fixture.folder) }
        return try await body(fixture)
    }

    private func request(_ seed: Int, on fixture: ServiceFixture) async throws -> JSONValue {
        let (a, b) = (try await fixture.picture("image_a.png"), try await fixture.picture("image_b.png"))
        let width = try await fixture.service.models.model(ServiceFixture.model).decoder.configuration.hidden
        let direction = try await fixture.upload((0..<width).map { Float($0 % 5) / 8 - 0.25 }, shape: [width])
        var draw = Draw(
            random: SplitMix64(state: UInt64(seed)), direction: direction.digest, source: b)
        return [
            "images": [.string(a), .string(b)], "variants": .array((0..<8).map { draw.variant($0) }),
            "seed": .integer(seed),
            "measure": ["max_tokens": 5, "captures": [["site": "resid_out", "layers": [1, 3], "positions": "last"]]],
        ]
    }

    private func submit(_ seed: Int, on fixture: ServiceFixture) async throws -> String {
        try await fixture.service.submit(try await fixture.plan(.knockout, try await request(seed, on: fixture))).id
    }

    /// Runs a worker until `body` has seen what it waits for.
    private func working(
        _ fixture: ServiceFixture, _ runner: any JobRunner, _ body: (Task<Void, Never>) async throws -> Void
    ) async throws {
        let worker = Worker(queue: fixture.service.queue, engine: fixture.service.engine, runner: runner)
        let working = Task { await worker.run() }
        do { try await body(working) } catch {
            working.cancel()
            await working.value
            throw error
        }
        working.cancel()
        await working.value
    }

    private func rows(of job: String, on fixture: ServiceFixture) async throws -> [JSONValue] {
        let job = try await fixture.service.queue.wait(for: job)
        #expect(job.status == .succeeded, "\(job.error ?? "")")
        return try await fixture.store.cells(CellQuery(job: job.id, limit: 1000)).elements.map { cell in
            var object = try JSONParser.parse(cell.document).objectValue ?? JSONObject()
            for name in ["id", "job", "seconds"] { object[name] = nil }
            return .object(object)
        }
    }

    @Test(
        "has the same rows, bit for bit, again, stopped in the middle of a stack, and beside captions",
        arguments: NumberFormat.allCases, 0..<3)
    func repeatable(format: NumberFormat, seed: Int) async throws {
        let counting = try await withFixture(format) { fixture in
            let runner = StoppingRunner(base: fixture.service.jobRunner)
            var found: [[JSONValue]] = []
            try await working(fixture, runner) { _ in
                for _ in 0..<2 { found.append(try await rows(of: try await submit(seed, on: fixture), on: fixture)) }
            }
            #expect(found[0] == found[1])
            return (rows: found[0], boundaries: runner.boundaries.count / 2)
        }
        var random = SplitMix64(state: UInt64(seed) &+ 100)
        for _ in 0..<3 {
            let stopsAt = Int.random(in: 1..<counting.boundaries, using: &random)
            try await withFixture(format) { fixture in
                let job = try await submit(seed, on: fixture)
                try await stop(fixture, at: stopsAt)
                #expect(try await fixture.store.job(job)?.status.isEnded == false)
                // Another process would begin with nothing but the database.
                let next = JobService(
                    store: fixture.store,
                    models: ModelLibrary(directories: [ServiceFixture.goldens], numberFormat: format),
                    queue: fixture.service.queue, engine: fixture.service.engine)
                try await working(fixture, next.jobRunner) { _ in
                    let found = try await rows(of: job, on: fixture)
                    #expect(found == counting.rows)
                }
            }
        }
        try await withFixture(format) { fixture in
            let job = try await submit(seed, on: fixture)
            let caption = try await fixture.plan(
                .caption,
                [
                    "image": .string(try await fixture.picture("image_b.png")), "max_tokens": 6,
                    "interventions": ["knockouts": [["keys": "eoi"]]],
                ])
            try await working(fixture, fixture.service.jobRunner) { _ in
                let ended = Happening()
                let service = fixture.service
                let traffic = Task {
                    repeat { _ = try await service.caption(caption) } while !ended.hasHappened
                }
                let found = try await rows(of: job, on: fixture)
                ended.happen()
                try await traffic.value
                #expect(found == counting.rows)
            }
        }
    }

    /// Works until a boundary is reached, and is stopped there.
    private func stop(_ fixture: ServiceFixture, at boundary: Int) async throws {
        let (stopping, stop) = AsyncStream<Void>.makeStream()
        var runner = StoppingRunner(base: fixture.service.jobRunner)
        let task = Mutex<Task<Void, Never>?>(nil)
        runner.stopsAt = boundary
        runner.stop = {
            // The task is known as soon as `working` has begun.
            while task.withLock({ $0 == nil }) { sched_yield() }
            task.withLock { $0?.cancel() }
            stop.finish()
        }
        try await working(fixture, runner) { working in
            task.withLock { $0 = working }
            for await _ in stopping {}
        }
    }
}
