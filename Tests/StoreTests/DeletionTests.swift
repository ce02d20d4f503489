import Store
import Testing

@Suite("Deleting jobs and pictures") struct DeletionTests {
    let folder: TemporaryFolder
    let clock = ManualClock()
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store(path: folder.database, clock: { [clock] in clock.now })
    }

    /// A job that has ended, with a cell on a picture.
    private func endedJob(_ number: Int, image: String? = nil, states: [NewState] = []) async throws {
        let submission = JobSubmission(
            id: identifier(number), kind: "caption", model: "gate", request: #"{"image": "\#(image ?? "none")"}"#,
            total: 1)
        let cell = CellRecord(
            job: identifier(number), ordinal: 0, group: 0, kind: "caption", model: "gate", status: .ok, input: "0",
            image: image, document: "{}", states: states)
        _ = try await store.insertFinished(submission, cell: cell)
    }

    @Test("a job that has ended goes with its rows and events; one that has not stays")
    func jobs() async throws {
        try await endedJob(1)
        try await endedJob(2)
        let mark = try await store.cellMark()
        try await store.deleteJob(identifier(1))
        // Although the newest cell is the same one.
        #expect(try await store.cellMark().text != mark.text)
        #expect(try await store.job(identifier(1)) == nil)
        #expect(try await store.cells(CellQuery()).elements.map(\.job) == [identifier(2)])
        #expect(try await store.events(of: identifier(1)).elements.isEmpty)
        await #expect(throws: StoreError.unknownJob(identifier(1))) { try await store.deleteJob(identifier(1)) }

        _ = try await store.submit(submission(3), limit: 10)
        await #expect(throws: StoreError.jobUnfinished(identifier(3), status: .queued)) {
            try await store.deleteJob(identifier(3))
        }
        _ = try await store.requestCancel(identifier(3))
        try await store.deleteJob(identifier(3))
    }

    @Test("a picture goes when no job names it, in a cell or in its request alone")
    func images() async throws {
        let digest = try await store.insert(picture("a")).digest
        try await endedJob(1, image: digest)
        await #expect(throws: StoreError.imageInUse(digest, job: identifier(1))) {
            try await store.deleteImage(digest)
        }
        try await store.deleteJob(identifier(1))
        let request = JobSubmission(
            id: identifier(2), kind: "caption", model: "gate", request: #"{"image": "\#(digest)"}"#, total: 1)
        _ = try await store.submit(request, limit: 10)
        _ = try await store.requestCancel(identifier(2))
        await #expect(throws: StoreError.imageInUse(digest, job: identifier(2))) {
            try await store.deleteImage(digest)
        }
        try await store.deleteJob(identifier(2))
        try await store.deleteImage(digest)
        #expect(try await store.image(digest) == nil)
        await #expect(throws: StoreError.unknownImage(digest)) { try await store.deleteImage(digest) }
    }

    @Test("jobs that ended before a moment go, and none that is younger or unfinished")
    func old() async throws {
        try await endedJob(1)
        _ = try await store.submit(submission(2), limit: 10)
        clock.advance(by: .seconds(86_400))
        try await endedJob(3)
        #expect(try await store.deleteJobs(endedBefore: clock.now + .seconds(-3600)) == 1)
        #expect(try await store.jobs().elements.map(\.id) == [identifier(3), identifier(2)])
        #expect(try await store.deleteJobs(endedBefore: clock.now + .seconds(-3600)) == 0)
    }

    @Test("a key makes one job, refuses another request, and is free again when the job is gone")
    func keys() async throws {
        func submit(_ number: Int, _ request: String) async throws -> String {
            let key = IdempotencyKey(key: "a1", request: request)
            return try await store.submit(
                JobSubmission(
                    id: identifier(number), kind: "patch", model: "gate", request: "{}", total: 1, idempotencyKey: key),
                limit: 1
            ).id
        }
        #expect(try await submit(1, "x") == identifier(1))
        // Whatever has become of it, and although the queue is full.
        #expect(try await submit(2, "x") == identifier(1))
        await #expect(throws: StoreError.idempotencyKeyReused(key: "a1", job: identifier(1))) {
            try await submit(2, "y")
        }
        let reopened = try await store.job(madeBy: IdempotencyKey(key: "a1", request: "x"))
        #expect(reopened?.id == identifier(1))
        #expect(try await store.job(madeBy: IdempotencyKey(key: "b", request: "x")) == nil)
        _ = try await store.requestCancel(identifier(1))
        #expect(try await submit(2, "x") == identifier(1))
        try await store.deleteJob(identifier(1))
        #expect(try await submit(2, "y") == identifier(2))
    }
}
