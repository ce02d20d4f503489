import Foundation
import Glibc
package import Logging
import Store

/// Takes jobs from the queue, one at a time, and runs them to their end.
///
/// A job is run group by group. A group is computed whole on the engine thread and recorded in one transaction, so a crash
/// loses at most the group at hand, and a resumed job computes exactly the groups that are not recorded.
///
/// How a run can end, and what is left behind:
///
/// | end | the job |
/// |---|---|
/// | every cell is recorded, none failed | `succeeded`, with its summary |
/// | every cell is recorded, some failed | `failed`, naming the first; the other rows stand |
/// | the runner cannot prepare it | `failed`, with the reason |
/// | somebody cancelled it | `cancelled`, at the next layer; what was recorded stands |
/// | the worker's task was cancelled (shutdown) | released at the next layer: the next claim goes on at once, in the same attempt |
/// | the lease was lost | left alone; its lease expires and somebody claims it: a new attempt |
/// | the disk is full or fails | the worker waits, with what it has computed, and goes on (``DiskPatience``) |
/// | the process dies | the same, and at once when the next process opens the database |
///
/// A job that was begun `maximumAttempts` times and is claimed again has killed its worker each time: it ends `failed`.
package struct Worker: Sendable {
    private let queue: JobQueue
    private let engine: EngineThread
    private let runner: any JobRunner
    private let owner: String
    private let leaseLength: Duration
    private let maximumAttempts: Int
    private let logger: Logger
    private let pause: @Sendable (Duration) async throws -> Void

    /// - Parameters:
    ///   - owner: who holds the leases, for people.
    ///   - leaseLength: how long a job stays taken when its worker is silent; renewed at every third of it.
    ///   - maximumAttempts: how often a job is begun.
    ///   - pause: how to wait between renewals; tests replace it.
    package init(
        queue: JobQueue, engine: EngineThread, runner: any JobRunner, owner: String = Worker.defaultOwner(),
        leaseLength: Duration = .seconds(30), maximumAttempts: Int = 5, logger: Logger = Logger(label: "worker"),
        pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.queue = queue
        self.engine = engine
        self.runner = runner
        self.owner = owner
        self.leaseLength = leaseLength
        self.maximumAttempts = maximumAttempts
        self.logger = logger
        self.pause = pause
    }

    /// `host:process`
    package static func defaultOwner() -> String {
        "\(ProcessInfo.processInfo.hostName):\(getpid())"
    }

    /// Works until its task is cancelled, and returns when the job at hand has been released.
    package func run() async {
        for await _ in await queue.wakeups() {
            do {
                while !Task.isCancelled, let claimed = try await queue.claim(owner: owner, for: leaseLength) {
                    await run(claimed)
                }
            } catch {
                logger.error("no job could be claimed", metadata: ["error": "\(error)"])
                lookAgain(after: (error as? StoreError)?.isOfTheDisk == true ? DiskPatience.interval : leaseLength)
            }
        }
    }

    /// Runs one job and leaves it as the table above says.
    private func run(_ claimed: ClaimedJob) async {
        let lease = claimed.lease
        let attempt = JobAttempt(
            claimed: claimed, queue: queue, engine: engine, runner: runner, maximumAttempts: maximumAttempts,
            patience: patience)
        // Not a child: it is to be cancelled for each of three reasons, and which one it was is asked afterwards.
        let work = Task { try await attempt.run() }
        await queue.begin(claimed.job, cancel: { work.cancel() })
        let renewal = Task {
            let lost = await LeaseRenewal(
                lease: lease, length: leaseLength, queue: queue, logger: logger, pause: pause
            ).run()
            if lost { work.cancel() }
            return lost
        }
        let result = await withTaskCancellationHandler {
            await work.result
        } onCancel: {
            work.cancel()
        }
        renewal.cancel()
        let leaseLost = await renewal.value
        let cancelRequested = await queue.end(lease.job)

        do {
            try await patience.persist("end a run", of: lease.job) {
                try await leave(lease, result, leaseLost: leaseLost, cancelRequested: cancelRequested, work: work)
            }
            // The disk failed at reading: the job is free again, and is not to be begun at once.
            if case .failure(let error as StoreError) = result, error.isOfTheDisk, !Task.isCancelled {
                try? await pause(DiskPatience.interval * 5)
            }
        } catch {
            logger.error("a job was abandoned", metadata: ["job": "\(lease.job)", "error": "\(error)"])
            lookAgain(after: leaseLength)
        }
    }

    private var patience: DiskPatience { DiskPatience(logger: logger, pause: pause) }

    /// Leaves a job behind as its run ended.
    private func leave(
        _ lease: Lease, _ result: Result<JobAttempt.Ending, any Error>, leaseLost: Bool, cancelRequested: Bool,
        work: Task<JobAttempt.Ending, any Error>
    ) async throws {
        switch result {
        case .success(let ending):
            try await queue.finish(lease, as: ending.event, error: ending.failure?.json, summary: ending.summary)
        case .failure(StoreError.leaseLost):
            throw StoreError.leaseLost(job: lease.job)
        case .failure where leaseLost:
            throw StoreError.leaseLost(job: lease.job)
        case .failure where cancelRequested:
            try await queue.finish(lease, as: .cancel)
        case .failure(EngineError.stopped):
            try await queue.release(lease)
        case .failure where work.isCancelled:
            try await queue.release(lease)
        case .failure(let error as StoreError) where error.isOfTheDisk:
            logger.error("a job waits for the disk", metadata: ["job": "\(lease.job)", "error": "\(error)"])
            try await queue.release(lease)
        case .failure(let error):
            logger.error("a job cannot run", metadata: ["job": "\(lease.job)", "error": "\(error)"])
            try await queue.finish(lease, as: .fail, error: JobFailure.cannotRun(error).json)
        }
    }

    /// Looks for jobs again, for example when a lease that was left alone has expired.
    private func lookAgain(after time: Duration) {
        let (queue, pause) = (queue, pause)
        Task {
            try? await pause(time)
            await queue.wakeWorkers()
        }
    }
}
