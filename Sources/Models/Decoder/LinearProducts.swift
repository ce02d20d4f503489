import Numerics

/// How the linear layers of a pass multiply its rows.
///
/// Of stacked sequences each row gets the bits that it has whatever else is in the stack. Whether it goes through the product for
/// few rows or the one for many, its own sequence's number of rows says (``LinearWeight/fewRows``).
struct LinearProducts {
    /// Rows that follow each other and are multiplied in one way.
    private struct Run {
        var rows: Range<Int>
        let grouping: ProductRows
    }

    private let grouping: ProductRows
    private var runs: [Run] = []

    /// All rows in one product, or stacked ones, none of which are there yet.
    init(_ grouping: ProductRows) { self.grouping = grouping }

    /// The products of stacked rows.
    ///
    /// - Parameter extents: which rows are whose, in their order.
    func of(_ extents: [Range<Int>]) -> LinearProducts {
        var products = LinearProducts(grouping)
        guard grouping != .together else { return products }
        for extent in extents {
            products.append(extent, extent.count > LinearWeight.fewRows ? .standAlone : .tiled)
        }
        return products
    }

    /// Products in which the last row of each sequence has the bits that it has by itself, so that they do not depend on whether
    /// the others are computed.
    func withLastRowsAlone(_ extents: [Range<Int>]) -> LinearProducts {
        var products = LinearProducts(grouping)
        for extent in extents {
            if extent.count > LinearWeight.fewRows {
                products.append(extent.dropLast(), grouping == .together ? .together : .standAlone)
                products.append(extent.suffix(1), .tiled)
            } else {
                products.append(extent, .tiled)
            }
        }
        return products
    }

    private mutating func append(_ rows: Range<Int>, _ grouping: ProductRows) {
        guard !rows.isEmpty else { return }
        if grouping != .together, let last = runs.indices.last, runs[last].grouping == grouping {
            runs[last].rows = runs[last].rows.lowerBound..<rows.upperBound
        } else {
            runs.append(Run(rows: rows, grouping: grouping))
        }
    }

    /// `input · weightᵀ`, `[rows, out]`.
    func multiply(_ input: Matrix, by weight: LinearWeight, into result: inout Matrix, _ tiles: inout TileBuffers) {
        result.reshape(rows: input.rows, columns: weight.rows)
        guard !runs.isEmpty, case .bfloat16 = weight else {
            return input.multiply(byTransposed: weight, rows: grouping, tiles: &tiles, into: &result)
        }
        for run in runs {
            input.multiply(run.rows, byTransposed: weight, rows: run.grouping, tiles: &tiles, into: &result)
        }
    }
}
