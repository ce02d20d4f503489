import GRDB

/// A cell as it goes over the wire, without its columns.
package struct CellDocument: Sendable, Equatable {
    package let job: String
    package let ordinal: Int
    /// JSON: the whole row, provenance included.
    package let document: String

    /// The wire's id: `job/ordinal`.
    package var id: String { "\(job)/\(ordinal)" }
}

/// How far the recording of cells was at some moment.
///
/// A list that is read in several pages, or twice, is the same list if all of it is read up to one mark: cells that are
/// recorded later have higher row numbers, unless the newest were deleted with their job meanwhile.
package struct CellMark: Sendable, Hashable {
    let row: Int64
    /// How many jobs had been deleted, with their cells.
    let deletions: Int

    /// The mark as text, for validators: at the same mark there are the same cells.
    package var text: String { "\(row).\(deletions)" }
}

extension Store {
    /// The newest cell there is now.
    package func cellMark() async throws -> CellMark {
        try await read { database in
            CellMark(
                row: try Int64.fetchOne(database, sql: "SELECT max(rowid) FROM cells") ?? 0,
                deletions: try Int.fetchOne(database, sql: "SELECT jobs FROM deletions") ?? 0)
        }
    }

    /// The documents of cells, of one job or across all, in the order of (job, ordinal).
    ///
    /// - Parameter bytes: a page ends early behind the row that reaches this size, because a row may be megabytes long.
    package func documents(_ query: CellQuery, bytes: Int) async throws -> Page<CellDocument> {
        try await read { database in
            let (sql, arguments) = query.statement("job, ordinal, document")
            let rows = try Row.fetchCursor(database, sql: sql, arguments: arguments)
            var documents: [CellDocument] = []
            var size = 0
            while let row = try rows.next() {
                if documents.count >= pageLimit(query.limit) || size >= bytes {
                    return Page(documents, hasMore: true)
                }
                let cell = CellDocument(job: row["job"], ordinal: row["ordinal"], document: row["document"])
                size += cell.document.utf8.count
                documents.append(cell)
            }
            return Page(documents, hasMore: false)
        }
    }

    /// Goes through the documents of all cells of a query, however many there are, and holds few of them at a time.
    ///
    /// No snapshot is kept open between pages, so a slow reader holds nothing up. The list ends at the query's mark, or at
    /// what is recorded when this begins.
    ///
    /// - Parameter limit: the most cells to go through; `query.limit` means nothing here.
    package func forEachDocument(
        _ query: CellQuery, limit: Int? = nil, _ body: (CellDocument) async throws -> Void
    ) async throws {
        var query = query
        if query.mark == nil { query.mark = try await cellMark() }
        var left = limit ?? .max
        while left > 0 {
            query.limit = min(left, 500)
            let page = try await documents(query, bytes: 1 << 20)
            for cell in page.elements { try await body(cell) }
            left -= page.elements.count
            guard page.hasMore, let last = page.elements.last else { return }
            query.after = CellQuery.Cursor(job: last.job, ordinal: last.ordinal)
        }
    }
}

extension Page {
    init(_ elements: [Element], hasMore: Bool) {
        self.elements = elements
        self.hasMore = hasMore
    }
}
