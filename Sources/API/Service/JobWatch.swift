import Jobs

/// Follows a job on behalf of a client.
struct JobWatch: Sendable {
    let queue: JobQueue
    let closing: Closing

    /// Calls `look` now and whenever the job may have changed, until it says that all is done, nobody listens any more, or
    /// the server is stopped.
    ///
    /// What happens between two looks is told by one more: what `look` reads from the store is never behind what was told.
    ///
    /// - throws: `StoreError.unknownJob`, what `look` throws.
    func follow(_ id: String, _ look: () async throws -> Bool) async throws {
        let (signals, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        // Before the first look at the store: what happens between the two is signalled.
        let updates = try await queue.follow(id)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            defer { tasks.cancelAll() }
            tasks.addTask { for await _ in updates { signal.yield() } }
            tasks.addTask { [closing] in
                await closing.wait()
                signal.finish()
            }
            for await _ in signals {
                if try await look() { return }
            }
        }
    }
}
