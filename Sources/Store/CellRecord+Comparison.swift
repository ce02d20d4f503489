import GRDB

/// What a column holds.
package enum ColumnValue: Sendable, Equatable {
    case null
    case integer(Int)
    case real(Double)
    case text(String)
}

extension CellRecord {
    /// A column in which two outcomes of the same cell differ.
    package struct ColumnDifference: Sendable, Equatable {
        package let column: String
        package let own: ColumnValue
        package let other: ColumnValue
    }

    /// Where this record's columns differ from those of `other`, but for times and the document.
    package func differingColumns(from other: CellRecord) -> [ColumnDifference] {
        zip(Self.columnNames, zip(columnValues(createdAt: nil), other.columnValues(createdAt: nil))).compactMap {
            let (name, (own, other)) = $0
            guard name != "seconds", name != "document" else { return nil }
            let difference = ColumnDifference(column: name, own: ColumnValue(own), other: ColumnValue(other))
            return difference.own == difference.other ? nil : difference
        }
    }
}

extension ColumnValue {
    fileprivate init(_ value: (any DatabaseValueConvertible)?) {
        switch (value?.databaseValue ?? .null).storage {
        case .null, .blob: self = .null
        case .int64(let integer): self = .integer(Int(integer))
        case .double(let real): self = .real(real)
        case .string(let text): self = .text(text)
        }
    }
}
