import Foundation
import Jobs
import Store
import Synchronization

/// A folder with a store, a queue and an engine, which live as long as this value.
final class Workshop: Sendable {
    let folder: String
    let clock = ManualClock()
    let store: Store
    let queue: JobQueue
    let engine = EngineThread()

    init(limit: Int = 100) async throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("narrowgate-jobs-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        folder = url.path
        store = try Store(path: folder + "/narrowgate.sqlite", clock: { [clock] in clock.now })
        queue = try await JobQueue(store: store, limit: limit)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func submit(total: Int) async throws -> JobRecord {
        try await queue.submit(kind: "knockout", model: "gate", request: "{}", total: total)
    }

    /// Runs a worker while `body` runs, and awaits its orderly end.
    func working(
        with runner: FakeRunner, pause: @escaping @Sendable (Duration) async throws -> Void = forever,
        _ body: () async throws -> Void
    ) async throws {
        let worker = Worker(queue: queue, engine: engine, runner: runner, owner: "test", pause: pause)
        let task = Task { await worker.run() }
        do {
            try await body()
        } catch {
            task.cancel()
            await task.value
            throw error
        }
        task.cancel()
        await task.value
    }
}

/// Waits until cancelled: leases are not renewed.
@Sendable func forever(_ duration: Duration) async throws {
    for await _ in AsyncStream<Void>.makeStream().stream {}
    throw CancellationError()
}

final class ManualClock: Sendable {
    private let moment = Mutex(Timestamp(milliseconds: 1_800_000_000_000))

    var now: Timestamp { moment.withLock { $0 } }

    func advance(by duration: Duration) {
        moment.withLock { $0 = $0 + duration }
    }
}

/// What happened, in order, from any thread.
final class Journal: Sendable {
    private let lines = Mutex<[String]>([])

    func note(_ line: String) { lines.withLock { $0.append(line) } }

    var all: [String] { lines.withLock { $0 } }
}

/// Something that has happened or has not, from any thread.
final class Happening: Sendable {
    private let happened = Mutex(false)

    var hasHappened: Bool { happened.withLock { $0 } }

    func happen() { happened.withLock { $0 = true } }
}

/// Computes cells of nothing, two to a group.
struct FakeRunner: JobRunner, JobRun {
    struct Trouble: Error, CustomStringConvertible {
        let description: String
    }

    var job = ""
    var groups: [StackGroup] = []
    var planned: Int?
    let journal = Journal()
    /// Called on the engine thread before a group's cells are made.
    var layers: @Sendable (StackGroup, LayerBoundary) throws -> Void = { _, boundary in try boundary.pass() }
    var failing: Set<Int> = []
    var preparation: @Sendable () throws -> Void = {}

    func prepare(_ job: JobRecord) async throws -> any JobRun {
        try preparation()
        var run = self
        run.job = job.id
        let total = planned ?? job.progress.total
        run.groups = stride(from: 0, to: total, by: 2).enumerated().map { number, first in
            StackGroup(number: number, ordinals: first..<min(first + 2, total))
        }
        return run
    }

    func computation(of group: StackGroup) async throws -> @Sendable (LayerBoundary) throws -> [CellRecord] {
        { boundary in
            journal.note("group \(group.number)")
            try layers(group, boundary)
            return group.ordinals.map { ordinal in
                if failing.contains(ordinal) { return failedCell(ordinal, of: group, message: "the picture is torn") }
                return cell(ordinal, group)
            }
        }
    }

    func failedCell(_ ordinal: Int, of group: StackGroup, message: String) -> CellRecord {
        var cell = cell(ordinal, group)
        cell.status = .failed
        cell.error = #"{"message": "\#(message)"}"#
        return cell
    }

    func summary(of job: JobRecord) async throws -> String? { #"{"cells": \#(job.progress.done)}"# }

    private func cell(_ ordinal: Int, _ group: StackGroup) -> CellRecord {
        CellRecord(
            job: job, ordinal: ordinal, group: group.number, kind: "knockout", model: "gate", status: .ok,
            input: "scene-\(ordinal)", document: "{}")
    }
}
