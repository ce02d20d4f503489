import Store
import Testing

@Suite("Jobs in the store") struct JobRowTests {
    let folder: TemporaryFolder
    let clock = ManualClock()
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store(path: folder.database, clock: { [clock] in clock.now })
    }

    @Test("a submitted job is queued, with what it was submitted with")
    func submit() async throws {
        let job = try await store.submit(submission(1, kind: "patch", total: 240), limit: 10)
        #expect(job.status == .queued)
        #expect(job.attempt == 0)
        #expect(job.progress == JobProgress(done: 0, failed: 0, total: 240))
        #expect(job.createdAt == clock.now)
        #expect(job.startedAt == nil)
        #expect(job.request == #"{"seed": 7}"#)
        #expect(try await store.job(identifier(1)) == job)
        #expect(try await store.job(identifier(2)) == nil)
        #expect(try await store.newestJob() == identifier(1))
    }

    @Test("unfinished jobs at the limit refuse the next; ended ones do not count")
    func queueLimit() async throws {
        _ = try await store.submit(submission(1), limit: 2)
        _ = try await store.submit(submission(2), limit: 2)
        await #expect(throws: StoreError.queueFull(limit: 2)) { try await store.submit(submission(3), limit: 2) }
        _ = try await store.requestCancel(identifier(1))
        #expect(try await store.submit(submission(3), limit: 2).status == .queued)
    }

    @Test("an id that is taken, and a request that is no JSON, are refused")
    func badSubmissions() async throws {
        _ = try await store.submit(submission(1), limit: 10)
        await #expect(throws: StoreError.self) { try await store.submit(submission(1), limit: 10) }
        let broken = JobSubmission(id: identifier(2), kind: "patch", model: "gate", request: "{", total: 1)
        await #expect(throws: StoreError.self) { try await store.submit(broken, limit: 10) }
        #expect(try await store.jobs().elements.count == 1)
    }

    @Test("jobs are claimed oldest first, each by one worker")
    func claimOrder() async throws {
        for number in [3, 1, 2] { _ = try await store.submit(submission(number), limit: 10) }
        let first = try #require(try await store.claim(owner: "a", for: .seconds(30)))
        #expect(first.job.id == identifier(1))
        #expect(first.job.status == .running)
        #expect(first.job.attempt == 1)
        #expect(first.job.leaseOwner == "a")
        #expect(first.job.startedAt == clock.now)
        #expect(try await store.claim(owner: "b", for: .seconds(30))?.job.id == identifier(2))
        #expect(try await store.claim(owner: "a", for: .seconds(30))?.job.id == identifier(3))
        #expect(try await store.claim(owner: "b", for: .seconds(30)) == nil)
    }

    @Test("an expired lease can be claimed again: a new attempt, a new token, and the old one writes nothing")
    func fencing() async throws {
        _ = try await store.submit(submission(1), limit: 10)
        let late = try #require(try await store.claim(owner: "a", for: .seconds(30)))
        clock.advance(by: .seconds(29))
        #expect(try await store.claim(owner: "b", for: .seconds(30)) == nil)
        clock.advance(by: .seconds(1))
        let current = try #require(try await store.claim(owner: "b", for: .seconds(30)))
        #expect(current.job.attempt == 2)
        #expect(current.lease.token > late.lease.token)
        #expect(current.job.startedAt == late.job.startedAt)

        let lost = StoreError.leaseLost(job: identifier(1))
        await #expect(throws: lost) { try await store.record([cell(1, 0)], under: late.lease) }
        await #expect(throws: lost) { try await store.renew(late.lease, for: .seconds(30)) }
        await #expect(throws: lost) { try await store.release(late.lease) }
        await #expect(throws: lost) { try await store.finish(late.lease, as: .succeed) }
        #expect(try await store.recordedOrdinals(of: identifier(1)).isEmpty)
        #expect(try await store.record([cell(1, 0)], under: current.lease).progress.done == 1)
    }

    @Test("the same owner's older lease is fenced too")
    func fencingOneself() async throws {
        _ = try await store.submit(submission(1), limit: 10)
        let late = try #require(try await store.claim(owner: "a", for: .seconds(30)))
        clock.advance(by: .seconds(30))
        _ = try await store.claim(owner: "a", for: .seconds(30))
        await #expect(throws: StoreError.leaseLost(job: identifier(1))) {
            try await store.record([cell(1, 0)], under: late.lease)
        }
    }

    @Test("a renewed lease holds from then on")
    func renewal() async throws {
        _ = try await store.submit(submission(1), limit: 10)
        let claimed = try #require(try await store.claim(owner: "a", for: .seconds(30)))
        clock.advance(by: .seconds(20))
        #expect(try await store.renew(claimed.lease, for: .seconds(30)).status == .running)
        clock.advance(by: .seconds(20))
        #expect(try await store.claim(owner: "b", for: .seconds(30)) == nil)
    }

    @Test("a released job is claimed at once and within the same attempt")
    func release() async throws {
        _ = try await store.submit(submission(1), limit: 10)
        let claimed = try #require(try await store.claim(owner: "a", for: .seconds(30)))
        try await store.release(claimed.lease)
        let again = try #require(try await store.claim(owner: "b", for: .seconds(30)))
        #expect(again.job.attempt == 1)
        #expect(again.lease.token > claimed.lease.token)
        await #expect(throws: StoreError.leaseLost(job: identifier(1))) { try await store.release(claimed.lease) }
    }

    @Test("opening for writing makes the jobs of the process before claimable: a new attempt")
    func reopening() async throws {
        let other = try TemporaryFolder()
        do {
            let before = try Store(path: other.database)
            _ = try await before.submit(submission(1), limit: 10)
            _ = try #require(try await before.claim(owner: "a", for: .seconds(3600)))
        }
        let after = try Store(path: other.database)
        let claimed = try #require(try await after.claim(owner: "b", for: .seconds(30)))
        #expect(claimed.job.id == identifier(1))
        #expect(claimed.job.attempt == 2)
    }

    @Test("cancelling ends a queued job, marks a running one, and is refused for an ended one")
    func cancel() async throws {
        _ = try await store.submit(submission(1), limit: 10)
        _ = try await store.submit(submission(2), limit: 10)
        #expect(try await store.requestCancel(identifier(1)).status == .cancelled)
        let claimed = try #require(try await store.claim(owner: "a", for: .seconds(30)))
        #expect(try await store.requestCancel(identifier(2)).status == .cancelling)
        #expect(try await store.requestCancel(identifier(2)).status == .cancelling)
        #expect(try await store.record([cell(2, 0)], under: claimed.lease).status == .cancelling)
        let ended = try await store.finish(claimed.lease, as: .succeed)
        #expect(ended.status == .cancelled)
        #expect(ended.endedAt == clock.now)
        #expect(ended.leaseOwner == nil)
        for number in 1...2 {
            await #expect(
                throws: StoreError.conflict(job: identifier(number), status: .cancelled, action: "cancelled")
            ) { try await store.requestCancel(identifier(number)) }
        }
        await #expect(throws: StoreError.unknownJob(identifier(9))) { try await store.requestCancel(identifier(9)) }
    }

    @Test("a job that was begun and that nobody runs any more is cancelled at once")
    func cancelAbandoned() async throws {
        for number in 1...2 { _ = try await store.submit(submission(number), limit: 10) }
        let released = try #require(try await store.claim(owner: "a", for: .seconds(30)))
        try await store.release(released.lease)
        let ended = try await store.requestCancel(identifier(1))
        #expect(ended.status == .cancelled)
        #expect(ended.endedAt == clock.now)
        #expect(try await store.events(of: identifier(1)).elements.last?.status == .cancelled)
        #expect(try await store.claim(owner: "b", for: .seconds(30))?.job.id == identifier(2))
    }

    @Test("a job whose worker died while it was being cancelled is handed out to be ended")
    func cancelThenCrash() async throws {
        _ = try await store.submit(submission(1), limit: 10)
        _ = try await store.claim(owner: "a", for: .seconds(30))
        _ = try await store.requestCancel(identifier(1))
        clock.advance(by: .seconds(30))
        let claimed = try #require(try await store.claim(owner: "b", for: .seconds(30)))
        #expect(claimed.job.status == .cancelling)
        #expect(try await store.finish(claimed.lease, as: .cancel).status == .cancelled)
    }

    @Test("finishing keeps the error and the summary, and ends the lease")
    func finish() async throws {
        _ = try await store.submit(submission(1), limit: 10)
        let claimed = try #require(try await store.claim(owner: "a", for: .seconds(30)))
        let ended = try await store.finish(claimed.lease, as: .fail, error: #"{"message": "no"}"#, summary: "[1]")
        #expect(ended.status == .failed)
        #expect(ended.error == #"{"message": "no"}"#)
        #expect(ended.summary == "[1]")
        await #expect(throws: StoreError.leaseLost(job: identifier(1))) {
            try await store.finish(claimed.lease, as: .succeed)
        }
        #expect(try await store.claim(owner: "a", for: .seconds(30)) == nil)
    }

    @Test("jobs are listed newest first, by page, by status, kind and model")
    func listing() async throws {
        for number in 1...5 {
            _ = try await store.submit(
                submission(number, kind: number == 2 ? "patch" : "knockout", model: number == 3 ? "open" : "gate"),
                limit: 10)
        }
        let first = try await store.jobs(JobQuery(limit: 2))
        #expect(first.elements.map(\.id) == [5, 4].map(identifier))
        #expect(first.hasMore)
        let second = try await store.jobs(JobQuery(after: identifier(4), limit: 3))
        #expect(second.elements.map(\.id) == [3, 2, 1].map(identifier))
        #expect(!second.hasMore)
        _ = try await store.requestCancel(identifier(5))
        #expect(try await store.jobs(JobQuery(status: .cancelled)).elements.map(\.id) == [identifier(5)])
        #expect(try await store.jobs(JobQuery(kind: "patch")).elements.map(\.id) == [identifier(2)])
        #expect(try await store.jobs(JobQuery(model: "open")).elements.map(\.id) == [identifier(3)])
    }

    @Test("each change of a job is an event, in order, replayed from any of them")
    func events() async throws {
        _ = try await store.submit(submission(1), limit: 10)
        let claimed = try #require(try await store.claim(owner: "a", for: .seconds(30)))
        _ = try await store.record([cell(1, 0), cell(1, 1)], under: claimed.lease)
        _ = try await store.record([cell(1, 2, group: 1, status: .failed)], under: claimed.lease)
        _ = try await store.finish(claimed.lease, as: .fail)
        let events = try await store.events(of: identifier(1)).elements
        #expect(events.map(\.sequence) == [1, 2, 3, 4, 5])
        #expect(events.map(\.kind) == [.state, .state, .progress, .progress, .state])
        #expect(events.map(\.status) == [.queued, .running, .running, .running, .failed])
        #expect(events.map(\.progress.done) == [0, 0, 2, 3, 3])
        #expect(events.map(\.group) == [nil, nil, 0, 1, nil])
        #expect(try await store.events(of: identifier(1), after: 3).elements == Array(events.dropFirst(3)))
    }

    @Test("counts say how many jobs stand where, and how many cells there are")
    func counts() async throws {
        for number in 1...3 { _ = try await store.submit(submission(number), limit: 10) }
        let claimed = try #require(try await store.claim(owner: "a", for: .seconds(30)))
        _ = try await store.record([cell(1, 0), cell(1, 1, status: .failed)], under: claimed.lease)
        let counts = try await store.counts()
        #expect(counts.jobs[.queued] == 2)
        #expect(counts.jobs[.running] == 1)
        #expect(counts.jobs[.failed] == 0)
        #expect(counts.cells == 2)
        #expect(counts.failedCells == 1)
    }
}
