import Numerics

/// How the linear layers of a pass multiply its rows.
struct LinearProducts {
    private let grouping: ProductRows
    private let lastRowAlone: Bool

    /// - Parameter lastRowAlone: whether the last row gets the bits that it has by itself, so that they do not depend on whether the
    ///   others are computed. Rows in tiles have them anyway.
    init(_ grouping: ProductRows, lastRowAlone: Bool = false) {
        self.grouping = grouping
        self.lastRowAlone = lastRowAlone && grouping == .together
    }

    /// `input · weightᵀ`, `[rows, out]`.
    func multiply(_ input: Matrix, by weight: LinearWeight) -> Matrix {
        var result = input.multiplied(byTransposed: weight, rows: grouping)
        if lastRowAlone, input.rows > LinearWeight.fewRows {
            let last = input.rows(input.rows - 1..<input.rows)
            result.setRows(input.rows - 1, last.multiplied(byTransposed: weight, rows: grouping))
        }
        return result
    }
}
