import Jobs
import Store
import Testing

@Suite("The job queue") struct JobQueueTests {
    @Test("submitting over the limit is refused")
    func limit() async throws {
        let shop = try await Workshop(limit: 1)
        _ = try await shop.submit(total: 1)
        await #expect(throws: StoreError.queueFull(limit: 1)) { try await shop.submit(total: 1) }
    }

    @Test("waiting gives up at its timeout and returns the job as it is")
    func timeout() async throws {
        let shop = try await Workshop()
        let job = try await shop.submit(total: 1)
        #expect(try await shop.queue.wait(for: job.id, timeout: .zero).status == .queued)
        await #expect(throws: StoreError.unknownJob("nobody")) { try await shop.queue.wait(for: "nobody") }
    }

    @Test("a queued job is cancelled at once, its followers hear it, and an ended one refuses")
    func cancelQueued() async throws {
        let shop = try await Workshop()
        let job = try await shop.submit(total: 1)
        let updates = try await shop.queue.follow(job.id)
        #expect(try await shop.queue.cancel(job.id).status == .cancelled)
        var last: JobQueue.Update?
        for await update in updates { last = update }
        #expect(last?.state.status == .cancelled)
        #expect(try await shop.queue.wait(for: job.id).status == .cancelled)
        await #expect(throws: StoreError.conflict(job: job.id, status: .cancelled, action: "cancelled")) {
            try await shop.queue.cancel(job.id)
        }
    }

    @Test("followers are told of progress up to the end, and of nothing older than they know")
    func following() async throws {
        let shop = try await Workshop()
        let job = try await shop.submit(total: 40)
        let updates = try await shop.queue.follow(job.id)
        try await shop.working(with: FakeRunner()) {
            var seen: [JobState] = []
            for await update in updates { seen.append(update.state) }
            #expect(seen.last?.status == .succeeded)
            #expect(seen.last?.progress.done == 40)
            #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.progress.done <= $1.progress.done })
        }
    }
}
