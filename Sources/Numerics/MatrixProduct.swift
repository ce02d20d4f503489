import CKernels

/// How the rows of a product are computed.
package enum ProductRows: Sendable {
    /// All in one product: the fastest. A row's low bits may depend on how many rows there are.
    case together
    /// In tiles of ``OpenBLAS/tileRows``, the last one filled up, or by the kernel of our own whose sums have one order: a
    /// row's bits depend on that row alone.
    case tiled
    /// With bfloat16 weights together, where a row then comes out alike whatever its neighbours are
    /// (``OneDNN/rowsStandAlone(_:outputs:inner:)``): as fast as ``together``, and a row's bits depend on it alone. Otherwise as
    /// ``tiled``, whose bits are others.
    case standAlone
}

/// Memory for the tiles of a product, kept from one to the next.
package struct TileBuffers: Sendable {
    fileprivate var states = Matrix(rows: 0, columns: 0)
    fileprivate var product = Matrix(rows: 0, columns: 0)

    package init() {}
}

extension Matrix {
    /// `self · weightᵀ`: what a linear layer without bias does to rows.
    ///
    /// - Parameter weight: `[out, in]`, as checkpoints store it; `self` is `[rows, in]`.
    /// - Returns: `[rows, out]`.
    package func multiplied(byTransposed weight: Matrix, rows grouping: ProductRows = .together) -> Matrix {
        var result = Matrix(rows: rows, columns: weight.rows)
        var tiles = TileBuffers()
        multiply(0..<rows, byTransposed: weight, rows: grouping, tiles: &tiles, into: &result)
        return result
    }

    /// Some rows' product with the transpose of `weight`, into the same rows of `result`, `[rows, out]`.
    func multiply(
        _ range: Range<Int>, byTransposed weight: Matrix, rows grouping: ProductRows, tiles: inout TileBuffers,
        into result: inout Matrix
    ) {
        if grouping == .together, range == 0..<rows {
            return addProduct(withTransposed: weight, scale: 1, keep: 0, to: &result)
        }
        let height = OpenBLAS.tileRows
        tiles.states.reshape(rows: height, columns: columns)
        tiles.product.reshape(rows: height, columns: weight.rows)
        for first in stride(from: range.lowerBound, to: range.upperBound, by: height) {
            let count = min(height, range.upperBound - first)
            tiles.states.copyRows(first..<first + count, of: self, to: 0)
            tiles.states.addProduct(withTransposed: weight, scale: 1, keep: 0, to: &tiles.product)
            result.copyRows(0..<count, of: tiles.product, to: first)
        }
    }

    /// Overwrites rows from `first` on with some of another matrix that has as many columns.
    private mutating func copyRows(_ range: Range<Int>, of other: Matrix, to first: Int) {
        precondition(
            other.columns == columns && range.lowerBound >= 0 && range.upperBound <= other.rows && first >= 0
                && first + range.count <= rows, "outside the matrix")
        let columns = columns
        elements.withUnsafeMutableBufferPointer { elements in
            other.elements.withUnsafeBufferPointer { other in
                // Both hold the rows, by the precondition.
                guard let target = elements.baseAddress, let source = other.baseAddress else { return }
                (target + first * columns).update(
                    from: source + range.lowerBound * columns, count: range.count * columns)
            }
        }
    }

    /// `result = scale · self · weightᵀ + keep · result`; `self` `[rows, in]`, `weight` `[out, in]`, `result` `[rows, out]`.
    package func addProduct(withTransposed weight: Matrix, scale: Float, keep: Float, to result: inout Matrix) {
        precondition(columns == weight.columns && result.rows == rows && result.columns == weight.rows, "shapes differ")
        guard columns > 0 else { return }
        let (rows, inner, outputs) = (rows, columns, weight.rows)
        elements.withUnsafeBufferPointer { left in
            weight.elements.withUnsafeBufferPointer { right in
                result.elements.withUnsafeMutableBufferPointer { out in
                    // The precondition and Matrix's own invariant bound all three; `result` is exclusively ours.
                    guard let left = left.baseAddress, let right = right.baseAddress, let out = out.baseAddress else {
                        return
                    }
                    OpenBLAS.multiply(
                        .init(start: left, stride: inner), .init(start: right, stride: inner), transposed: true,
                        into: out, resultStride: outputs, rows: rows, columns: outputs, inner: inner, scale: scale,
                        keep: keep)
                }
            }
        }
    }

    /// `self · other`, `[rows, inner] · [inner, columns]`.
    package func multiplied(by other: Matrix) -> Matrix {
        precondition(columns == other.rows, "shapes differ")
        var result = Matrix(rows: rows, columns: other.columns)
        let (rows, inner, outputs) = (rows, columns, other.columns)
        guard inner > 0 else { return result }
        elements.withUnsafeBufferPointer { left in
            other.elements.withUnsafeBufferPointer { right in
                result.elements.withUnsafeMutableBufferPointer { out in
                    // As above: shapes were checked, and a matrix holds rows * columns elements.
                    guard let left = left.baseAddress, let right = right.baseAddress, let out = out.baseAddress else {
                        return
                    }
                    OpenBLAS.multiply(
                        .init(start: left, stride: inner), .init(start: right, stride: outputs), transposed: false,
                        into: out, resultStride: outputs, rows: rows, columns: outputs, inner: inner)
                }
            }
        }
        return result
    }

    /// Adds `other` element by element.
    package static func += (left: inout Matrix, right: Matrix) {
        precondition(left.rows == right.rows && left.columns == right.columns, "shapes differ")
        let count = left.elements.count
        left.elements.withUnsafeMutableBufferPointer { left in
            right.elements.withUnsafeBufferPointer { right in
                // Both buffers hold `count` elements: equal shapes.
                guard let left = left.baseAddress, let right = right.baseAddress else { return }
                ckernels_add(Kernels.level, count, left, right)
            }
        }
    }
}
