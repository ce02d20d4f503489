package import StrictJSON

/// Rows as a table in CSV (RFC 4180), with the columns that `pandas.json_normalize` makes of them.
///
/// A member of an object inside a row is a column named by the path, its names joined by dots; a list is one column, as JSON
/// text; an object without members is none. Of one row the plain members come first, then those inside objects; columns
/// stand in the order in which rows first have them. `null` and what a row lacks are empty, an empty text is `""`.
///
/// A table is made in two passes: every row is shown to ``note(_:)``, then ``header`` and a ``line(_:)`` for each are written.
package struct ResultTable: Sendable {
    package private(set) var columns: [String] = []
    private var index: [String: Int] = [:]

    package init() {}

    /// Takes in the columns of a row.
    package mutating func note(_ row: JSONValue) {
        for (name, _) in Self.flattened(row) where index[name] == nil {
            index[name] = columns.count
            columns.append(name)
        }
    }

    /// The names of the columns; nothing at all for a table without any.
    package var header: String { columns.isEmpty ? "" : Self.record(columns.map { Self.field($0) }) }

    /// A row; columns that were never noted are left out.
    package func line(_ row: JSONValue) -> String {
        var fields = Array(repeating: "", count: columns.count)
        for (name, value) in Self.flattened(row) {
            if let at = index[name] { fields[at] = Self.field(value) }
        }
        return Self.record(fields)
    }

    private static func record(_ fields: [String]) -> String { fields.joined(separator: ",") + "\r\n" }

    private static func field(_ value: JSONValue) -> String {
        switch value {
        case .null: ""
        case .string(let text): field(text)
        default: field(value.text)
        }
    }

    private static func field(_ text: String) -> String {
        let quote = UInt8(ascii: "\"")
        let isPlain = text.utf8.allSatisfy { $0 != quote && $0 != UInt8(ascii: ",") && $0 != 0x0A && $0 != 0x0D }
        guard !isPlain || text.isEmpty else { return text }
        var quoted = [quote]
        for byte in text.utf8 {
            if byte == quote { quoted.append(quote) }
            quoted.append(byte)
        }
        quoted.append(quote)
        return String(decoding: quoted, as: UTF8.self)
    }

    /// A row's values by column, in the order of json_normalize.
    static func flattened(_ row: JSONValue) -> [(name: String, value: JSONValue)] {
        guard case .object(let object) = row else { return [] }
        var plain: [(name: String, value: JSONValue)] = []
        var nested: [(name: String, value: JSONValue)] = []
        for (name, value) in object.members {
            if case .object = value { collect(value, name, into: &nested) } else { plain.append((name, value)) }
        }
        return plain + nested
    }

    private static func collect(
        _ value: JSONValue, _ path: String, into values: inout [(name: String, value: JSONValue)]
    ) {
        guard case .object(let object) = value else { return values.append((path, value)) }
        for (name, member) in object.members { collect(member, "\(path).\(name)", into: &values) }
    }
}
