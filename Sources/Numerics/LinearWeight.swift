/// The weight of a linear layer, `[out, in]`, in the number format that its model is computed in.
package enum LinearWeight: Sendable, Equatable {
    case float32(Matrix)
    case bfloat16(BFloat16Matrix)

    /// Outputs.
    package var rows: Int {
        switch self {
        case .float32(let matrix): matrix.rows
        case .bfloat16(let matrix): matrix.rows
        }
    }

    /// Inputs.
    package var columns: Int {
        switch self {
        case .float32(let matrix): matrix.columns
        case .bfloat16(let matrix): matrix.columns
        }
    }

    /// Some rows as float32, `[indices.count, columns]`: embeddings, where the weight is one.
    package func rows(_ indices: [Int]) -> Matrix {
        switch self {
        case .float32(let matrix):
            Matrix(rows: indices.count, columns: columns, elements: indices.flatMap { matrix.row($0) })
        case .bfloat16(let matrix): matrix.rows(indices)
        }
    }
}

extension LinearWeight {
    /// Products of bfloat16 weights with at most this many rows of activations read the weights once at memory speed and
    /// leave the activations in float32; from the next row on oneDNN is faster, which rounds them to bfloat16.
    ///
    /// Fixed, because a row's low bits differ on the two sides of it: how many rows a product has follows from the request
    /// alone, so the same request meets the same products (docs/numerics.md has the measurements).
    package static let fewRows = 8
}

extension Matrix {
    /// `self · weightᵀ`: what a linear layer without bias does to rows.
    ///
    /// - Parameter weight: `[out, in]`; `self` is `[rows, in]`.
    /// - Returns: `[rows, out]`.
    package func multiplied(byTransposed weight: LinearWeight, rows grouping: ProductRows = .together) -> Matrix {
        var result = Matrix(rows: rows, columns: weight.rows)
        var tiles = TileBuffers()
        multiply(byTransposed: weight, rows: grouping, tiles: &tiles, into: &result)
        return result
    }

    /// ``multiplied(byTransposed:rows:)`` of some rows, in memory that is there.
    ///
    /// - Parameters:
    ///   - range: the rows that are multiplied; all where `nil`.
    ///   - result: `[rows, out]`, of which the same rows are written.
    package func multiply(
        _ range: Range<Int>? = nil, byTransposed weight: LinearWeight, rows grouping: ProductRows,
        tiles: inout TileBuffers, into result: inout Matrix
    ) {
        let range = range ?? 0..<rows
        precondition(columns == weight.columns && result.columns == weight.rows, "shapes differ")
        precondition(
            range.lowerBound >= 0 && range.upperBound <= rows && result.rows == rows, "rows lie in both matrices")
        guard !range.isEmpty else { return }
        switch weight {
        case .float32(let weight):
            multiply(range, byTransposed: weight, rows: grouping, tiles: &tiles, into: &result)
        case .bfloat16(let weight): multiply(range, byTransposed: weight, grouping, into: &result)
        }
    }

    private func multiply(
        _ range: Range<Int>, byTransposed weight: BFloat16Matrix, _ grouping: ProductRows, into result: inout Matrix
    ) {
        let (rows, inner, outputs) = (range.count, columns, weight.rows)
        elements.withUnsafeBufferPointer { states in
            result.elements.withUnsafeMutableBufferPointer { result in
                // From the range's first row on `states` holds rows * inner elements and `result` rows * outputs, all of which either
                // product writes; the weight has outputs * inner, and is alive until this returns.
                guard var states = states.baseAddress, var result = result.baseAddress else { return }
                states += range.lowerBound * inner
                result += range.lowerBound * outputs
                func multiply(_ first: Int, _ count: Int, byLibrary isForLibrary: Bool) {
                    let (states, result) = (states + first * inner, result + first * outputs)
                    let isDone =
                        isForLibrary
                        && OneDNN.multiply(
                            states, by: weight.start, into: result, rows: count, outputs: outputs, inner: inner)
                    if !isDone {
                        Kernels.multiply(
                            states, by: weight.start, into: result, rows: count, outputs: outputs, inner: inner)
                    }
                }
                switch grouping {
                case .together: multiply(0, rows, byLibrary: rows > LinearWeight.fewRows)
                case .tiled: multiply(0, rows, byLibrary: false)
                case .standAlone:
                    let standAlone = OneDNN.rowsStandAlone(weight.start, outputs: outputs, inner: inner)
                    // Pieces of like size: none of a row or two.
                    let pieces = (rows + OneDNN.mostRowsAlone - 1) / OneDNN.mostRowsAlone
                    for piece in 0..<pieces {
                        let first = piece * rows / pieces
                        multiply(first, (piece + 1) * rows / pieces - first, byLibrary: standAlone)
                    }
                }
            }
        }
        withExtendedLifetime(weight) {}
    }
}
