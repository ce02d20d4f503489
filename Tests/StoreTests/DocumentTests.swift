import Store
import Synchronization
import Testing

@Suite("Documents of cells") struct DocumentTests {
    let folder: TemporaryFolder
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store(path: folder.database)
    }

    private func record(_ job: Int, _ documents: [String], first: Int = 0, lease: Lease? = nil) async throws -> Lease {
        let held: Lease
        if let lease {
            held = lease
        } else {
            _ = try await store.submit(submission(job, total: 10_000), limit: 100)
            held = try #require(try await store.claim(owner: "a", for: .seconds(60))).lease
        }
        let cells = documents.enumerated().map { cell(job, first + $0, document: $1) }
        _ = try await store.record(cells, under: held)
        return held
    }

    @Test("a page ends behind the row that reaches its size, and says that the list goes on")
    func bytes() async throws {
        _ = try await record(1, ["{\"a\":1}", "{\"a\":22}", "{\"a\":333}"])
        func page(_ limit: Int, _ bytes: Int) async throws -> (Int, Bool) {
            let page = try await store.documents(CellQuery(job: identifier(1), limit: limit), bytes: bytes)
            return (page.elements.count, page.hasMore)
        }
        #expect(try await page(10, 1000) == (3, false))
        #expect(try await page(2, 1000) == (2, true))
        #expect(try await page(10, 8) == (2, true))
        #expect(try await page(10, 1) == (1, true), "a row that is larger than a page is a page")
        let first = try #require(try await store.documents(CellQuery(), bytes: 1).elements.first)
        #expect(first.id == "\(identifier(1))/0")
        #expect(first.document == "{\"a\":1}")
    }

    @Test("all of a query is gone through in order, up to what there was at the beginning")
    func all() async throws {
        let lease = try await record(1, (0..<1203).map { "{\"n\":\($0)}" })
        _ = try await record(2, ["{}"])
        let seen = Mutex<[Int]>([])
        try await store.forEachDocument(CellQuery(job: identifier(1))) { document in
            // A row that comes while the list is read is in none of its pages.
            if document.ordinal == 0 { _ = try await record(1, ["{}"], first: 5000, lease: lease) }
            seen.withLock { $0.append(document.ordinal) }
        }
        #expect(seen.withLock { $0 } == Array(0..<1203))
        let count = Mutex(0)
        try await store.forEachDocument(CellQuery(), limit: 700) { _ in count.withLock { $0 += 1 } }
        #expect(count.withLock { $0 } == 700)
    }

    @Test("a mark leaves the way to a filter's cells as it is")
    func plan() async throws {
        var query = CellQuery()
        query.variant = "eoi"
        let without = try await store.plan(of: query)
        query.mark = try await store.cellMark()
        #expect(try await store.plan(of: query) == without)
    }

    @Test("two outcomes of a cell differ in the columns that differ, but for times and the document")
    func columns() throws {
        var one = cell(1, 0, document: "{}")
        one.measures.similarity = 0.5
        one.seconds = 1
        var other = one
        other.seconds = 2
        other.document = "[]"
        #expect(one.differingColumns(from: other).isEmpty)
        other.measures.similarity = 0.25
        other.measures.caption = "a cross"
        let differences = one.differingColumns(from: other)
        #expect(differences.map(\.column) == ["similarity", "caption"])
        #expect(differences.map(\.own) == [.real(0.5), .null])
        #expect(differences.map(\.other) == [.real(0.25), .text("a cross")])
    }
}
