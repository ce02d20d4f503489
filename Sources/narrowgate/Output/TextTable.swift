/// Columns of text, as wide as their widest entry.
struct TextTable {
    enum Alignment { case left, right }

    struct Column {
        let title: String
        let alignment: Alignment
    }

    private let columns: [Column]
    private var rows: [[String]] = []

    /// Columns of left-aligned words, `>` before a title for right-aligned numbers: `TextTable("variant", ">similarity")`.
    init(_ titles: [String]) {
        columns = titles.map { title in
            title.hasPrefix(">")
                ? Column(title: String(title.dropFirst()), alignment: .right) : Column(title: title, alignment: .left)
        }
    }

    /// Adds a row; entries that are missing are empty.
    mutating func add(_ entries: [String]) { rows.append(entries) }

    /// The table, titles first, without spaces at the ends of lines.
    var lines: [String] {
        let all = [columns.map(\.title)] + rows
        let widths = columns.indices.map { column in
            all.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return all.map { row in
            var line = ""
            for (at, column) in columns.enumerated() {
                let entry = at < row.count ? row[at] : ""
                let padding = String(repeating: " ", count: widths[at] - entry.count)
                line += (at > 0 ? "  " : "") + (column.alignment == .left ? entry + padding : padding + entry)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}

/// Numbers as tables show them.
enum Shown {
    /// Three decimals; `–` for what was not measured.
    static func number(_ value: Double?) -> String {
        guard let value else { return "–" }
        let thousandths = Int((abs(value) * 1000).rounded())
        let sign = value < 0 && thousandths > 0 ? "-" : ""
        let fraction = String(thousandths % 1000)
        return "\(sign)\(thousandths / 1000).\(String(repeating: "0", count: 3 - fraction.count))\(fraction)"
    }

    static func flag(_ value: Bool?) -> String { value.map { $0 ? "yes" : "no" } ?? "–" }
}
