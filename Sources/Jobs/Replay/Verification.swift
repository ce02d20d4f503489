import Store
package import StrictJSON

/// A stored row beside the same cell computed again.
///
/// Compared is the row's document, all but `seconds` and `provenance`, and the columns that repeat it for people with
/// `sqlite3`. A member that one of the two lacks counts as `null`, as everywhere on the wire.
package struct Verification: Sendable, Equatable {
    /// The row's id.
    package let result: String
    /// Where the two differ, each a path with both values; at most ``listLimit``.
    package let differences: [ValueDifference]
    /// How many there are in all.
    package let differenceCount: Int
    package let storedProvenance: JSONValue
    package let computedProvenance: JSONValue
    /// Where those two differ: `engine`, `model.fingerprint`.
    package let provenanceDifferences: [ValueDifference]
    /// What computing the row's whole group took.
    package let seconds: Double

    package static let listLimit = 100

    init(stored: CellRecord, computed: CellRecord, seconds: Double) {
        result = stored.id
        self.seconds = seconds
        let (ours, theirs) = (Self.document(of: stored), Self.document(of: computed))
        storedProvenance = ours["provenance"] ?? .null
        computedProvenance = theirs["provenance"] ?? .null
        provenanceDifferences = ValueDifference.list(storedProvenance, computedProvenance)
        let rows = ValueDifference.list(Self.compared(ours), Self.compared(theirs))
        let columns = stored.differingColumns(from: computed).map { difference in
            ValueDifference(
                path: "columns.\(difference.column)", stored: difference.own.json, computed: difference.other.json)
        }
        differenceCount = rows.count + columns.count
        differences = Array((rows + columns).prefix(Self.listLimit))
    }

    package var isEqual: Bool { differenceCount == 0 }

    /// The answer of `POST /v1/verify`.
    package var json: JSONValue {
        [
            "object": "verification", "result": .string(result), "equal": .bool(isEqual),
            "difference_count": .integer(differenceCount), "differences": .array(differences.map(\.json)),
            "provenance": [
                "stored": storedProvenance, "computed": computedProvenance,
                "differences": .array(provenanceDifferences.map { .string($0.path) }),
            ],
            "seconds": .finite(seconds),
        ]
    }

    /// As stored text says it, so that a number is compared in the form in which it is kept.
    private static func document(of cell: CellRecord) -> JSONValue {
        (try? JSONParser.parse(cell.document)) ?? .null
    }

    private static func compared(_ document: JSONValue) -> JSONValue {
        guard var object = document.objectValue else { return document }
        for name in ["seconds", "provenance"] { object[name] = nil }
        return .object(object)
    }
}

extension ColumnValue {
    fileprivate var json: JSONValue {
        switch self {
        case .null: .null
        case .integer(let integer): .integer(integer)
        case .real(let real): .number(real)
        case .text(let text): .string(text)
        }
    }
}
