import COpenBLAS
import Synchronization

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

    /// How many threads a large product may use. Process-wide, so set it before the engine starts.
    package static var threads: Int {
        get { allowedThreads.load(ordering: .relaxed) }
        set { allowedThreads.store(max(1, newValue), ordering: .relaxed) }
    }

    private static let allowedThreads = Atomic<Int>(Int(openblas_get_num_threads()))

    /// Multiplications from which a product is worth a second thread.
    ///
    /// OpenBLAS itself begins at 2^18, where waking a thread takes longer than the product, and the threads wait for each
    /// other spinning: beside other work the tests of the tiny models took 67 s that take 4 with one thread.
    private static let threadedWork = 1 << 22

    /// Lets a product of this size use as many threads as it is worth. The choice follows from the shape alone, so that the
    /// same product is always computed in the same way.
    private static func useThreads(work: Int) {
        // Read before anything is set: at first it is what the library began with.
        let allowed = threads
        let wanted = work < threadedWork ? 1 : allowed
        if Int(openblas_get_num_threads()) != wanted { openblas_set_num_threads(Int32(clamping: wanted)) }
    }

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
        useThreads(work: rows * columns * inner)
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans, Int32(rows), Int32(columns),
            Int32(inner), scale, left.start, Int32(left.stride), right.start, Int32(right.stride), keep, result,
            Int32(resultStride))
    }
}
