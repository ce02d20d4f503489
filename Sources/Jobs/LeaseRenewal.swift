import Logging
import Store

/// Keeps a lease alive while its job runs: renews it at every third of its length.
///
/// Three chances before it expires, so that one slow disk does not cost a run. When the lease is gone, the run must be
/// abandoned: another worker may already compute the same cells, and the store would refuse ours.
struct LeaseRenewal: Sendable {
    let lease: Lease
    let length: Duration
    let queue: JobQueue
    let logger: Logger
    /// Waits; tests replace it.
    let pause: @Sendable (Duration) async throws -> Void

    /// Returns `true` when the lease was lost, `false` when the task was cancelled.
    func run() async -> Bool {
        var failures = 0
        while !Task.isCancelled {
            do {
                try await pause(length / 3)
            } catch {
                return false
            }
            do {
                try await queue.renew(lease, for: length)
                failures = 0
            } catch StoreError.leaseLost {
                return true
            } catch let error as StoreError where error.isOfTheDisk {
                // Nobody else can take the job either; if somebody does when the disk is well again, the lease is lost.
                logger.warning("a lease could not be renewed", metadata: ["job": "\(lease.job)", "error": "\(error)"])
            } catch {
                failures += 1
                logger.warning("a lease could not be renewed", metadata: ["job": "\(lease.job)", "error": "\(error)"])
                if failures == 3 { return true }
            }
        }
        return false
    }
}
