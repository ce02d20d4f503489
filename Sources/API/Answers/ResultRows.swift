package import Store
import StrictJSON

/// The rows of a query as text, however many there are: few of them are in memory at a time.
package struct ResultRows: Sendable {
    private let store: Store
    private let query: CellQuery
    /// `nil`: all.
    private let limit: Int?

    package init(_ query: CellQuery, limit: Int?, in store: Store) {
        self.query = query
        self.limit = limit
        self.store = store
    }

    /// Hands pieces of text to `write`: a table, a row a line, or one list without pages.
    package func write(
        _ format: ResultFormat, to write: (_ piece: String) async throws -> Void
    ) async throws {
        var piece = ""
        func add(_ text: String) async throws {
            piece += text
            guard piece.utf8.count >= Self.pieceBytes else { return }
            try await write(piece)
            piece = ""
        }
        switch format {
        case .json:
            var last: String?
            try await add("{\"object\":\"list\",\"data\":[")
            try await store.forEachDocument(query, limit: limit) {
                try await add((last == nil ? "" : ",") + $0.document)
                last = $0.id
            }
            try await add("],\"has_more\":false,\"last_id\":\(JSONValue.optional(last).text)}\n")
        case .ndjson:
            try await store.forEachDocument(query, limit: limit) { try await add($0.document + "\n") }
        case .csv:
            // Twice through the same rows: what is recorded meanwhile might have columns that the header lacks.
            var query = query
            if query.mark == nil { query.mark = try await store.cellMark() }
            var table = ResultTable()
            try await store.forEachDocument(query, limit: limit) { table.note(try JSONParser.parse($0.document)) }
            try await add(table.header)
            try await store.forEachDocument(query, limit: limit) {
                try await add(table.line(try JSONParser.parse($0.document)))
            }
        }
        if !piece.isEmpty { try await write(piece) }
    }

    private static let pieceBytes = 64 << 10
}
