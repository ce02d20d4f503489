/// A page of a longer list.
package struct Page<Element: Sendable>: Sendable {
    package let elements: [Element]
    /// Whether the list goes on after the last element.
    package let hasMore: Bool

    /// Makes a page of at most `limit` from a query that asked for one row more.
    init(_ rows: [Element], limit: Int) {
        elements = Array(rows.prefix(limit))
        hasMore = rows.count > limit
    }
}
