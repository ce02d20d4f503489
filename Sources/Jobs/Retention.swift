package import Logging
package import Store

/// Removes jobs that ended long ago, for whoever has set how long they are kept.
///
/// Jobs from which states were captured are kept, as `DELETE` keeps them; pictures and states stay.
package struct Retention: Sendable {
    private let store: Store
    private let age: Duration
    private let logger: Logger
    private let clock: @Sendable () -> Timestamp

    /// Between two looks.
    private static let interval = Duration.seconds(3600)

    /// - Parameters:
    ///   - age: how long ended jobs are kept.
    ///   - clock: what time it is; tests set it.
    package init(
        store: Store, age: Duration, logger: Logger, clock: @escaping @Sendable () -> Timestamp = Timestamp.now
    ) {
        self.store = store
        self.age = age
        self.logger = logger
        self.clock = clock
    }

    /// Looks at once and then every hour, until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            do { _ = try await removeOld() } catch {
                if !(error is CancellationError) {
                    logger.error("old jobs cannot be removed", metadata: ["error": "\(error)"])
                }
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// Removes what is old now.
    ///
    /// - Returns: how many jobs that were.
    package func removeOld() async throws -> Int {
        let milliseconds = Int(age / .milliseconds(1))
        let count = try await store.deleteJobs(endedBefore: clock() + .milliseconds(-milliseconds))
        if count > 0 { logger.info("old jobs removed", metadata: ["jobs": "\(count)"]) }
        return count
    }
}
