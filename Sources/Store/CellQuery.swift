import GRDB

/// Which cells to list, in the order of (job, ordinal). Everything left `nil` lets every cell through.
package struct CellQuery: Sendable {
    /// The key after which a page begins.
    package struct Cursor: Sendable, Hashable {
        package let job: String
        package let ordinal: Int

        package init(job: String, ordinal: Int) {
            self.job = job
            self.ordinal = ordinal
        }
    }

    package var job: String?
    package var model: String?
    package var kind: String?
    package var variant: String?
    package var layer: Int?
    package var site: String?
    /// A digest: the cell's picture, or either one of a patch.
    package var image: String?
    package var status: CellRecord.Status?
    /// Only cells of that key's jobs.
    package var key: String?
    /// Recorded at this moment or later.
    package var since: Timestamp?
    /// Recorded before this moment.
    package var until: Timestamp?
    /// Only cells that were there when this mark was taken (``Store/cellMark()``).
    package var mark: CellMark?
    package var after: Cursor?
    package var limit: Int

    package init(job: String? = nil, after: Cursor? = nil, limit: Int = 100) {
        self.job = job
        self.after = after
        self.limit = limit
    }

    /// The query and its arguments; it asks for one row more than `limit`, to know whether the list goes on.
    func statement(_ columns: String = CellRecord.columns) -> (sql: String, arguments: StatementArguments) {
        var conditions: [String] = []
        var arguments = StatementArguments()
        func restrict(_ condition: String, _ values: (any DatabaseValueConvertible)...) {
            conditions.append(condition)
            arguments += StatementArguments(values)
        }
        if let job { restrict("job = ?", job) }
        if let model { restrict("model = ?", model) }
        if let kind { restrict("kind = ?", kind) }
        if let variant { restrict("variant = ?", variant) }
        if let layer { restrict("layer = ?", layer) }
        if let site { restrict("site = ?", site) }
        if let image { restrict("(image = ? OR source_image = ?)", image, image) }
        if let key { restrict("job IN (SELECT id FROM jobs WHERE key = ?)", key) }
        if let status { restrict("status = ?", status.rawValue) }
        if let since { restrict("created_at >= ?", since.text) }
        if let until { restrict("created_at < ?", until.text) }
        // The plus keeps SQLite from going through the rows by their numbers instead of through an index.
        if let mark { restrict("+rowid <= ?", mark.row) }
        if let after { restrict("(job, ordinal) > (?, ?)", after.job, after.ordinal) }
        let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        return ("SELECT \(columns) FROM cells \(filter) ORDER BY job, ordinal LIMIT \(pageLimit(limit) + 1)", arguments)
    }
}

/// Keeps a page's size within reason, whoever asks.
func pageLimit(_ limit: Int) -> Int { min(max(limit, 1), 10_000) }
