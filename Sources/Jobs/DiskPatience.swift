package import Logging
import Store

/// Tries again what the disk refused, until it can be done: a full disk or one that fails is no fault of a job, and what was
/// computed for it need not be computed twice.
package struct DiskPatience: Sendable {
    private let logger: Logger
    /// Waits; tests replace it.
    private let pause: @Sendable (Duration) async throws -> Void

    /// Between two attempts.
    static let interval = Duration.seconds(1)

    package init(logger: Logger, pause: @escaping @Sendable (Duration) async throws -> Void) {
        self.logger = logger
        self.pause = pause
    }

    /// Does `step`, again and again while the disk is to blame and the task is not cancelled.
    ///
    /// - throws: what else keeps it from being done; where the task is cancelled, what the disk said last.
    package func persist<Value: Sendable>(
        _ purpose: String, of job: String, _ step: @Sendable () async throws -> Value
    ) async throws -> Value {
        var failures = 0
        while true {
            do {
                let value = try await step()
                if failures > 0 {
                    logger.notice("the disk takes data again", metadata: ["job": "\(job)", "failures": "\(failures)"])
                }
                return value
            } catch let trouble as StoreError where trouble.isOfTheDisk {
                // A word in the log at the beginning and then every minute.
                if failures % 60 == 0 {
                    logger.error(
                        "waiting for the disk", metadata: ["to": "\(purpose)", "job": "\(job)", "error": "\(trouble)"])
                }
                failures += 1
                do { try await pause(Self.interval) } catch { throw trouble }
            }
        }
    }
}
