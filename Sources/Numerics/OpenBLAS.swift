import COpenBLAS

/// The matrix products of this engine, and what provenance records about them.
///
/// Every product goes through `sgemm`, also those with one row: `sgemv` sums in another order, so a
/// token computed by itself would differ in its low bits from the same token computed in a prefill.
package enum OpenBLAS {
    /// The library's version at run time, as `0.3.21`.
    package static var version: String {
        let words = configuration.split(separator: " ")
        return words.count > 1 ? String(words[1]) : configuration
    }

    /// The name of the kernels that were chosen for this processor, as `Cooperlake`.
    package static var kernel: String { openblas_get_corename().map { String(cString: $0) } ?? "unknown" }

    /// Rows of a product whose rows come out alike wherever they stand in it and whatever their neighbours are.
    ///
    /// At other heights kernels treat the rows at an edge differently, and sum them in another order. Tried on 14 shapes of 24
    /// to 2816, 2 threads: no element differs in 16 rows on SkylakeX's and Cooperlake's kernels, nor in 8 on these and
    /// Haswell's; in 16 on Haswell's up to 39 % do. Other kernels get 8, and the tests of this say if that does not hold there.
    package static let tileRows = ["SkylakeX", "Cooperlake"].contains(kernel) ? 16 : 8

    /// The library's own threads are left asleep: they would wait spinning beside those of the other kernels. A large product is cut
    /// into blocks for these instead. Process-wide; happens once, before the first product.
    private static let isSingleThreaded: Void = openblas_set_num_threads(1)

    /// Columns of the result in a block, or rows where there are few columns: a multiple of every kernel's, so that no
    /// element is summed otherwise than in one piece.
    private static let block = 512

    private static var configuration: String { openblas_get_config().map { String(cString: $0) } ?? "unknown" }

    /// A matrix inside a larger row-major array: row `r` begins `r * stride` elements after `start`.
    struct Operand {
        let start: UnsafePointer<Float>
        let stride: Int
    }

    /// `result = scale · left · right(ᵀ) + keep · result`, with `left` `[rows, inner]`, `result` `[rows, columns]` and
    /// `right` `[columns, inner]` where `transposed`, else `[inner, columns]`.
    ///
    /// The caller owns the proof that the three regions lie inside live allocations and that `result`
    /// overlaps neither operand.
    static func multiply(
        _ left: Operand, _ right: Operand, transposed: Bool, into result: UnsafeMutablePointer<Float>,
        resultStride: Int, rows: Int, columns: Int, inner: Int, scale: Float = 1, keep: Float = 0
    ) {
        guard rows > 0, columns > 0 else { return }
        _ = isSingleThreaded
        func multiply(rows rowRange: Range<Int>, columns columnRange: Range<Int>) {
            cblas_sgemm(
                CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans, Int32(rowRange.count),
                Int32(columnRange.count), Int32(inner), scale, left.start + rowRange.lowerBound * left.stride,
                Int32(left.stride),
                right.start + (transposed ? columnRange.lowerBound * right.stride : columnRange.lowerBound),
                Int32(right.stride), keep, result + rowRange.lowerBound * resultStride + columnRange.lowerBound,
                Int32(resultStride))
        }
        // The choice follows from the shape alone, so that the same product is always computed in the same way. Blocks lie
        // apart in the result.
        guard rows * columns * inner >= Kernels.threadedWork else {
            return multiply(rows: 0..<rows, columns: 0..<columns)
        }
        if columns > block {
            Kernels.concurrently((columns + block - 1) / block) { index in
                multiply(rows: 0..<rows, columns: index * block..<min(columns, (index + 1) * block))
            }
        } else {
            Kernels.concurrently((rows + block - 1) / block) { index in
                multiply(rows: index * block..<min(rows, (index + 1) * block), columns: 0..<columns)
            }
        }
    }
}
