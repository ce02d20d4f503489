import Interventions
package import Store
import StrictJSON

/// Computes stored cells again, from the stored request, on the model that is served now under the job's model's name.
///
/// Nothing is written. A group is computed whole, as it was the first time, so that the same machine kind gives the same
/// bits; cells that failed are expected to fail in the same way.
package struct JobReplay: Sendable {
    package let job: JobRecord
    private let run: any JobRun
    private let store: Store
    private let engine: EngineThread

    /// - throws: ``UnknownModel``, ``CannotReplay``; what is wrong with the checkpoint.
    init(_ job: JobRecord, runner: any JobRunner, store: Store, engine: EngineThread) async throws {
        self.job = job
        self.store = store
        self.engine = engine
        do {
            run = try await runner.prepare(job)
        } catch let error where error is InterventionError || error is JSONError || error is JobFailure {
            let reason = (error as? JobFailure)?.message ?? "\(error)"
            throw CannotReplay(job: job.id, reason: "its request no longer fits (\(reason))")
        }
        let cells = run.groups.reduce(0) { $0 + $1.ordinals.count }
        guard cells == job.progress.total else {
            throw CannotReplay(
                job: job.id, reason: "the plan has \(cells) cells where the job has \(job.progress.total)")
        }
    }

    /// The job's groups, recorded or not.
    package var groups: [StackGroup] { run.groups }

    /// Computes a group and compares those of its rows that are recorded, in order.
    ///
    /// - Parameter only: the rows to compare, where not all are wanted; the group is computed whole all the same.
    /// - throws: `CancellationError`, ``EngineError/stopped``.
    package func verifications(of group: StackGroup, only: Range<Int>? = nil) async throws -> [Verification] {
        let stored = try await recorded(only?.clamped(to: group.ordinals) ?? group.ordinals)
        guard !stored.isEmpty else { return [] }
        let start = ContinuousClock.now
        let computed = try await run.cells(of: group, on: engine)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let byOrdinal = Dictionary(computed.map { ($0.ordinal, $0) }) { first, _ in first }
        return stored.compactMap { cell in
            byOrdinal[cell.ordinal].map { Verification(stored: cell, computed: $0, seconds: seconds) }
        }
    }

    private func recorded(_ ordinals: Range<Int>) async throws -> [CellRecord] {
        var cells: [CellRecord] = []
        var next = ordinals.lowerBound
        while next < ordinals.upperBound {
            var query = CellQuery(job: job.id, limit: min(1000, ordinals.upperBound - next))
            if next > 0 { query.after = CellQuery.Cursor(job: job.id, ordinal: next - 1) }
            let page = try await store.cells(query)
            cells += page.elements.filter { ordinals.contains($0.ordinal) }
            guard page.hasMore, let last = page.elements.last else { break }
            next = last.ordinal + 1
        }
        return cells
    }
}

extension JobService {
    /// A stored job, ready to be computed again.
    ///
    /// - throws: `StoreError.unknownJob`, ``UnknownModel``, ``CannotReplay``; what is wrong with the checkpoint.
    package func replay(_ job: JobIdentifier) async throws -> JobReplay {
        guard let job = try await store.job(job.text) else { throw StoreError.unknownJob(job.text) }
        return try await JobReplay(job, runner: jobRunner, store: store, engine: engine)
    }

    /// Computes the group of one row again and compares that row.
    ///
    /// - throws: ``UnknownResult``, and what ``replay(_:)`` throws.
    package func verify(_ result: ResultIdentifier) async throws -> Verification {
        guard try await store.cell(job: result.job.text, ordinal: result.ordinal) != nil else {
            throw UnknownResult(id: result.description)
        }
        let replay = try await replay(result.job)
        if let group = replay.groups.first(where: { $0.ordinals.contains(result.ordinal) }),
            let verification = try await replay.verifications(
                of: group, only: result.ordinal..<result.ordinal + 1
            ).first
        {
            return verification
        }
        throw CannotReplay(job: result.job.text, reason: "the plan has no cell \(result.ordinal)")
    }
}

/// A row that is not recorded.
package struct UnknownResult: Error, Sendable, CustomStringConvertible {
    package let id: String

    package init(id: String) { self.id = id }

    package var description: String { "there is no result \(id)" }
}

/// A stored job whose request cannot be laid out as it was.
package struct CannotReplay: Error, Sendable, CustomStringConvertible {
    package let job: String
    package let reason: String

    package var description: String {
        "job \(job) cannot be computed again: \(reason); it was made by another version of narrowgate or on another model"
    }
}
