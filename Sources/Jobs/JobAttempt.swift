import Store

/// One attempt at one job, from the claim to what its end should be.
struct JobAttempt: Sendable {
    /// How the job is to end.
    struct Ending: Sendable {
        let event: JobStatus.Event
        var failure: JobFailure?
        var summary: String?
    }

    let claimed: ClaimedJob
    let queue: JobQueue
    let engine: EngineThread
    let runner: any JobRunner
    let maximumAttempts: Int
    let patience: DiskPatience

    /// Computes and records what is missing.
    ///
    /// - throws: `CancellationError` between groups and from within one; whatever keeps the job from running.
    func run() async throws -> Ending {
        let job = claimed.job
        if job.status == .cancelling { return Ending(event: .cancel) }
        guard job.attempt <= maximumAttempts else {
            return Ending(event: .fail, failure: .attempts(job, limit: maximumAttempts))
        }
        let run = try await runner.prepare(job)
        try check(run.groups)

        let recorded = try await queue.store.recordedOrdinals(of: job.id)
        for group in run.groups where !group.ordinals.allSatisfy(recorded.contains) {
            try Task.checkCancellation()
            let cells = try await run.cells(of: group, on: engine)
            let state = try await patience.persist("record cells", of: job.id) { [queue, claimed] in
                try await queue.record(cells, under: claimed.lease)
            }
            if state.status == .cancelling { return Ending(event: .cancel) }
        }
        return try await ending(run)
    }

    /// The runner's groups must be the job's cells, each once: a cell that is missing would never be recorded.
    private func check(_ groups: [StackGroup]) throws {
        let ordinals = groups.flatMap(\.ordinals)
        guard ordinals.count == claimed.job.progress.total, Set(ordinals) == Set(0..<claimed.job.progress.total) else {
            throw JobFailure(
                code: .cannotRun,
                message: "The plan has \(ordinals.count) cells where the job has \(claimed.job.progress.total): "
                    + "it was submitted to another version of narrowgate or of its model.")
        }
    }

    private func ending(_ run: any JobRun) async throws -> Ending {
        guard let job = try await queue.store.job(claimed.job.id) else {
            throw StoreError.unknownJob(claimed.job.id)
        }
        let summary = try await run.summary(of: job)
        guard job.progress.failed > 0, let first = try await queue.store.firstFailedCell(of: job.id) else {
            return Ending(event: .succeed, summary: summary)
        }
        return Ending(event: .fail, failure: .cells(job.progress, first: first), summary: summary)
    }
}
