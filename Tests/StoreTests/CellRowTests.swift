import Store
import Testing

@Suite("Cells in the store") struct CellRowTests {
    let folder: TemporaryFolder
    let clock = ManualClock()
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store(path: folder.database, clock: { [clock] in clock.now })
    }

    /// Submits and claims a job.
    private func running(_ number: Int, kind: String = "knockout", model: String = "gate", total: Int = 4)
        async throws -> Lease
    {
        _ = try await store.submit(submission(number, kind: kind, model: model, total: total), limit: 100)
        return try #require(try await store.claim(owner: "a", for: .seconds(30))).lease
    }

    @Test("every column comes back as it was recorded")
    func everyColumn() async throws {
        let base = try await store.insert(picture("base"))
        let source = try await store.insert(picture("source"))
        let lease = try await running(1, kind: "patch")
        var measures = CellMeasures()
        measures.similarity = 0.91
        measures.similarityBaseSource = 0.11
        measures.kl = 1.92
        measures.effect = 0.86
        measures.top1Agrees = false
        measures.nearTie = true
        measures.caption = "a small cross"
        measures.captionAgrees = false
        measures.accurate = true
        measures.flipped = true
        measures.baseCorrect = true
        measures.sourceCorrect = false
        measures.baseToken = .init(text: " circle", base: 0.97, source: 0.01, patched: 0.03)
        measures.sourceToken = .init(text: " square", base: 0.01, source: 0.98, patched: nil)
        measures.logitDifferenceBase = -4.6
        measures.logitDifferenceSource = 4.6
        measures.logitDifferencePatched = 3.4
        var full = CellRecord(
            job: identifier(1), ordinal: 3, group: 2, kind: "patch", model: "gate", status: .failed,
            input: "circle→square", image: base.digest, sourceImage: source.digest, variant: "two routes", layer: 3,
            site: "resid_in", positions: "18", measures: measures, seconds: 0.002, error: #"{"message": "no"}"#,
            document: #"{"id": "x"}"#)
        let bare = cell(1, 0, variant: nil)
        _ = try await store.record([full, bare], under: lease)
        full.createdAt = clock.now
        #expect(try await store.cell(job: identifier(1), ordinal: 3) == full)
        let stored = try #require(try await store.cell(job: identifier(1), ordinal: 0))
        #expect(stored.measures == CellMeasures())
        #expect(stored.variant == nil && stored.layer == nil && stored.image == nil && stored.error == nil)
        #expect(stored.id == "\(identifier(1))/0")
        #expect(try await store.cell(job: identifier(1), ordinal: 1) == nil)
    }

    @Test("the first outcome wins, and progress counts each cell once")
    func firstOutcomeWins() async throws {
        let lease = try await running(1)
        let first = try await store.record([cell(1, 0, document: "1"), cell(1, 1, status: .failed)], under: lease)
        #expect(first.progress == JobProgress(done: 2, failed: 1, total: 4))
        let again = try await store.record([cell(1, 0, document: "2"), cell(1, 1), cell(1, 2)], under: lease)
        #expect(again.progress == JobProgress(done: 3, failed: 1, total: 4))
        #expect(try await store.cell(job: identifier(1), ordinal: 0)?.document == "1")
        #expect(try await store.recordedOrdinals(of: identifier(1)) == [0, 1, 2])
        #expect(try await store.firstFailedCell(of: identifier(1))?.ordinal == 1)
    }

    @Test("a group is recorded whole or not at all")
    func wholeGroups() async throws {
        let lease = try await running(1)
        var stranger = cell(1, 1)
        stranger.image = "sha256:" + String(repeating: "0", count: 64)
        let group = [cell(1, 0), stranger]
        await #expect(throws: StoreError.invalidRecord("it names a job or an image that is not in the store")) {
            try await store.record(group, under: lease)
        }
        let tooMany = (0..<5).map { cell(1, $0) }
        await #expect(throws: StoreError.self) { try await store.record(tooMany, under: lease) }
        await #expect(throws: StoreError.self) { try await store.record([cell(1, 0), cell(2, 1)], under: lease) }
        #expect(try await store.recordedOrdinals(of: identifier(1)).isEmpty)
        #expect(try await store.job(identifier(1))?.progress.done == 0)
    }

    @Test("a job's cells come in pages, in the order of their places")
    func pages() async throws {
        let lease = try await running(1, total: 5)
        _ = try await store.record([4, 2, 0, 1, 3].map { cell(1, $0) }, under: lease)
        let first = try await store.cells(CellQuery(job: identifier(1), limit: 2))
        #expect(first.elements.map(\.ordinal) == [0, 1])
        #expect(first.hasMore)
        let rest = try await store.cells(
            CellQuery(job: identifier(1), after: .init(job: identifier(1), ordinal: 1), limit: 3))
        #expect(rest.elements.map(\.ordinal) == [2, 3, 4])
        #expect(!rest.hasMore)
    }

    @Test("cells across jobs are found by every filter, and paging by key misses and repeats none")
    func filters() async throws {
        let image = try await store.insert(picture("one")).digest
        let lease1 = try await running(1)
        let lease2 = try await running(2, kind: "patch", model: "open")
        var pictured = cell(1, 1, variant: "bos")
        pictured.image = image
        _ = try await store.record([cell(1, 0), pictured], under: lease1)
        clock.advance(by: .seconds(60))
        let middle = clock.now
        var patched = cell(2, 1, kind: "patch", model: "open", variant: nil, layer: 3)
        patched.sourceImage = image
        patched.site = "resid_in"
        _ = try await store.record(
            [cell(2, 0, kind: "patch", model: "open", status: .failed, variant: nil, layer: 2), patched], under: lease2)

        func found(_ restrict: (inout CellQuery) -> Void) async throws -> [String] {
            var query = CellQuery()
            restrict(&query)
            return try await store.cells(query).elements.map { "\($0.job.suffix(1))/\($0.ordinal)" }
        }
        #expect(try await found { _ in } == ["1/0", "1/1", "2/0", "2/1"])
        #expect(try await found { $0.model = "open" } == ["2/0", "2/1"])
        #expect(try await found { $0.kind = "knockout" } == ["1/0", "1/1"])
        #expect(try await found { $0.variant = "bos" } == ["1/1"])
        #expect(try await found { $0.layer = 2 } == ["2/0"])
        #expect(try await found { $0.site = "resid_in" } == ["2/1"])
        #expect(try await found { $0.image = image } == ["1/1", "2/1"])
        #expect(try await found { $0.status = .failed } == ["2/0"])
        #expect(try await found { $0.since = middle } == ["2/0", "2/1"])
        #expect(try await found { $0.until = middle } == ["1/0", "1/1"])
        #expect(try await found { ($0.job, $0.layer) = (identifier(2), 3) } == ["2/1"])
        #expect(try await found { ($0.model, $0.kind) = ("open", "knockout") } == [])

        var query = CellQuery(limit: 1)
        var seen: [String] = []
        while true {
            let page = try await store.cells(query)
            seen += page.elements.map(\.id)
            guard page.hasMore, let last = page.elements.last else { break }
            query.after = .init(job: last.job, ordinal: last.ordinal)
        }
        #expect(seen == [(1, 0), (1, 1), (2, 0), (2, 1)].map { "\(identifier($0))/\($1)" })
    }

    @Test(
        "no filter reads the whole table, and a page needs no sorting",
        arguments: ["job", "model", "kind", "variant", "layer", "site"])
    func plans(filter: String) async throws {
        var query = CellQuery(after: .init(job: identifier(1), ordinal: 7))
        switch filter {
        case "job": query.job = identifier(1)
        case "model": query.model = "gate"
        case "kind": query.kind = "patch"
        case "variant": query.variant = "eoi"
        case "layer": query.layer = 3
        default: query.site = "resid_in"
        }
        let plan = try await store.plan(of: query)
        #expect(plan.count == 1, "\(plan)")
        #expect(plan.allSatisfy { $0.hasPrefix("SEARCH cells USING INDEX") }, "\(plan)")
    }

    @Test("a picture's cells and a span of time are found through their indexes")
    func sortedPlans() async throws {
        var pictured = CellQuery()
        pictured.image = "sha256:00"
        let union = try await store.plan(of: pictured)
        #expect(union.contains { $0.contains("cells_by_image") }, "\(union)")
        #expect(union.contains { $0.contains("cells_by_source_image") }, "\(union)")
        var timed = CellQuery()
        timed.since = clock.now
        timed.until = clock.now + .seconds(60)
        let span = try await store.plan(of: timed)
        #expect(span.contains { $0.contains("cells_by_time") }, "\(span)")
    }

    @Test("a caption is stored with its job, cell and picture in one go, and as a job that has ended")
    func finishedJob() async throws {
        let content = picture("a cat")
        let digest = try ContentDigest.of(content.content)
        var answer = cell(1, 0, kind: "caption", variant: nil)
        answer.image = digest
        answer.seconds = 0.5
        let job = try await store.insertFinished(
            submission(1, kind: "caption", total: 1), cell: answer, image: content)
        #expect(job.status == .succeeded)
        #expect(job.progress == JobProgress(done: 1, failed: 0, total: 1))
        #expect(job.endedAt == clock.now)
        #expect(job.startedAt == clock.now + .milliseconds(-500))
        #expect(try await store.imageContent(digest) == content.content)
        #expect(try await store.cells(CellQuery(job: identifier(1))).elements.count == 1)
        #expect(try await store.claim(owner: "a", for: .seconds(30)) == nil)

        var orphan = cell(2, 0, kind: "caption")
        orphan.image = "sha256:" + String(repeating: "1", count: 64)
        await #expect(throws: StoreError.self) {
            try await store.insertFinished(submission(2, kind: "caption", total: 1), cell: orphan)
        }
        #expect(try await store.job(identifier(2)) == nil)
    }

    @Test("readers see whole groups while the writer writes")
    func concurrentReaders() async throws {
        let lease = try await running(1, total: 200)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                for group in 0..<40 {
                    let cells = (0..<5).map { cell(1, group * 5 + $0, group: group) }
                    _ = try await store.record(cells, under: lease)
                }
            }
            for _ in 0..<4 {
                tasks.addTask {
                    var last = 0
                    while last < 200 {
                        let count = try await store.recordedOrdinals(of: identifier(1)).count
                        #expect(count % 5 == 0)
                        #expect(count >= last)
                        last = count
                    }
                }
            }
            try await tasks.waitForAll()
        }
    }
}
