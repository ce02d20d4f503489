import CKernels

/// The kernels of our own, and the threads that they share with oneDNN and, block by block, with OpenBLAS.
package enum Kernels {
    /// The instruction set that this processor has.
    static let level = ckernels_supported()

    /// What provenance records: low bits depend on it.
    package static var name: String {
        switch level {
        case CKERNELS_PLAIN: "plain"
        case CKERNELS_AVX2: "avx2"
        case CKERNELS_AVX512: "avx512"
        case CKERNELS_AVX512_BF16: "avx512_bf16"
        default: "unknown"
        }
    }

    /// How many threads share a product.
    package static var threads: Int { Int(ckernels_threads()) }

    /// Multiplications from which an operation is worth a second thread: less is done before another thread has woken, which
    /// beside other work takes long. Decided by the shape alone, so that the same operation is always computed alike.
    static let threadedWork = 1 << 22

    /// Calls `body` for every index below `count`, on all threads, in no order, and returns when all calls have. Inside another
    /// call of it everything happens on the thread that is there.
    ///
    /// The caller owns the proof that no call writes what another one reads or writes: the compiler does not see the threads.
    static func concurrently(_ count: Int, _ body: (Int) -> Void) {
        guard count > 1 else { return (0..<max(0, count)).forEach(body) }
        withoutActuallyEscaping(body) { body in
            var body = body
            withUnsafeMutablePointer(to: &body) { body in
                // The pointer comes back as the context of each call, before `ckernels_parallel` returns.
                ckernels_parallel(count, body) { context, index in
                    context?.assumingMemoryBound(to: ((Int) -> Void).self).pointee(index)
                }
            }
        }
    }

    /// As ``concurrently(_:_:)`` where so many multiplications are worth it, else one after the other.
    static func concurrently(inParts count: Int, work: Int, _ body: (Int) -> Void) {
        guard work >= threadedWork / 16 else { return (0..<count).forEach(body) }
        concurrently(count, body)
    }

    /// Calls `body` with the calling thread's operations on one thread, where `single`.
    static func onOneThread<Result>(_ single: Bool, _ body: () throws -> Result) rethrows -> Result {
        let threads = ckernels_threads()
        guard single, threads > 1 else { return try body() }
        ckernels_set_threads(1)
        defer { ckernels_set_threads(threads) }
        return try body()
    }

    /// Keeps the memory of activations for the next layer, which makes a prefill a tenth faster. Process-wide; call it once,
    /// before models are computed.
    package static func keepMemory() { ckernels_keep_memory() }

    /// Gives memory that is kept and in no use back to the system: before something that needs much, on the thread that will.
    package static func releaseMemory() { ckernels_release_memory() }
}

// The C functions under names that say what they are for. Callers own the proof that the regions are as long as the
// counts say and do not overlap.
extension Kernels {
    /// `result = states · weightᵀ` with bfloat16 weights and float32 states, for few rows.
    static func multiply(
        _ states: UnsafePointer<Float>, by weight: UnsafePointer<UInt16>, into result: UnsafeMutablePointer<Float>,
        rows: Int, outputs: Int, inner: Int
    ) {
        ckernels_bf16_rows(level, rows, outputs, inner, states, inner, weight, result, outputs)
    }

    /// Rounds to the nearest bfloat16, ties to even.
    static func roundToBFloat16(
        _ source: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<UInt16>
    ) {
        ckernels_round_bf16(level, count, source, target)
    }

    /// The same numbers in float32.
    static func widenBFloat16(
        _ source: UnsafePointer<UInt16>, count: Int, into target: UnsafeMutablePointer<Float>
    ) {
        ckernels_widen_bf16(level, count, source, target)
    }

    /// Rounds to the nearest number that bfloat16 has, in place.
    static func roundFloats(_ numbers: UnsafeMutablePointer<Float>, count: Int) {
        ckernels_round_floats(level, count, numbers)
    }
}
