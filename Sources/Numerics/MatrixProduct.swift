import CKernels

/// How the rows of a product are computed.
package enum ProductRows: Sendable {
    /// All in one product: the fastest. A row's low bits may depend on how many rows there are.
    case together
    /// In tiles of ``OpenBLAS/tileRows``, the last one filled up, or by the kernel of our own whose sums have one order: a
    /// row's bits depend on that row alone.
    case tiled
}

extension Matrix {
    /// `self · weightᵀ`: what a linear layer without bias does to rows.
    ///
    /// - Parameter weight: `[out, in]`, as checkpoints store it; `self` is `[rows, in]`.
    /// - Returns: `[rows, out]`.
    package func multiplied(byTransposed weight: Matrix, rows grouping: ProductRows = .together) -> Matrix {
        var result = Matrix(rows: rows, columns: weight.rows)
        switch grouping {
        case .together: addProduct(withTransposed: weight, scale: 1, keep: 0, to: &result)
        case .tiled: multiplyTiles(byTransposed: weight, into: &result)
        }
        return result
    }

    private func multiplyTiles(byTransposed weight: Matrix, into result: inout Matrix) {
        let height = OpenBLAS.tileRows
        var (tile, product) = (Matrix(rows: height, columns: columns), Matrix(rows: height, columns: weight.rows))
        for first in stride(from: 0, to: rows, by: height) {
            let count = min(height, rows - first)
            tile.elements.replaceSubrange(
                0..<count * columns, with: elements[first * columns..<(first + count) * columns])
            tile.addProduct(withTransposed: weight, scale: 1, keep: 0, to: &product)
            result.elements.replaceSubrange(
                first * weight.rows..<(first + count) * weight.rows, with: product.elements[..<(count * weight.rows)])
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
