package import StrictJSON

/// A place at which two documents differ.
package struct ValueDifference: Sendable, Equatable {
    /// As in problems: `receipt.knockouts[0].mass.mean`.
    package let path: String
    package let stored: JSONValue
    package let computed: JSONValue

    package var json: JSONValue {
        ["path": .string(path), "stored": Self.shown(stored), "computed": Self.shown(computed)]
    }

    /// Every place at which two documents differ, in the order of the stored one. Absent members are `null`.
    package static func list(_ stored: JSONValue, _ computed: JSONValue) -> [ValueDifference] {
        var differences: [ValueDifference] = []
        collect(stored, computed, at: "", into: &differences)
        return differences
    }

    private static func collect(
        _ stored: JSONValue, _ computed: JSONValue, at path: String, into differences: inout [ValueDifference]
    ) {
        switch (stored, computed) {
        case (.object(let ours), .object(let theirs)):
            for name in ours.names + theirs.names.filter({ ours[$0] == nil }) {
                collect(
                    ours[name] ?? .null, theirs[name] ?? .null, at: path.isEmpty ? name : "\(path).\(name)",
                    into: &differences)
            }
        case (.array(let ours), .array(let theirs)):
            for index in 0..<max(ours.count, theirs.count) {
                collect(
                    index < ours.count ? ours[index] : .null, index < theirs.count ? theirs[index] : .null,
                    at: "\(path)[\(index)]", into: &differences)
            }
        default:
            guard !same(stored, computed) else { return }
            differences.append(ValueDifference(path: path, stored: stored, computed: computed))
        }
    }

    private static func same(_ stored: JSONValue, _ computed: JSONValue) -> Bool {
        // 1 and 1.0 are one number on the wire.
        switch (stored, computed) {
        case (.integer(let ours), .number(let theirs)), (.number(let theirs), .integer(let ours)):
            Double(ours) == theirs
        default: stored == computed
        }
    }

    /// A value as an answer shows it: what is long is cut, and says so.
    private static func shown(_ value: JSONValue) -> JSONValue {
        let bytes = value.bytes
        guard bytes.count > 500 else { return value }
        return .string(String(decoding: bytes.prefix(400), as: UTF8.self) + "… (\(bytes.count) bytes)")
    }
}
