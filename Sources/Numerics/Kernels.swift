import CKernels

/// The kernels of our own, and the threads that they share with oneDNN.
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

    /// Keeps the memory of activations for the next layer, which makes a prefill a tenth faster. Process-wide; call it once,
    /// before models are computed.
    package static func keepMemory() { ckernels_keep_memory() }

    /// Calls `body` for every index below `count`, on all threads, in no order, and returns when all are done.
    ///
    /// The calls run at the same time, so `body` writes only what belongs to its index.
    static func forEach(_ count: Int, _ body: (Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            let box = Body(body)
            // The box outlives the call, which returns after the last body.
            ckernels_parallel(count, Unmanaged.passUnretained(box).toOpaque()) { context, index in
                guard let context else { return }
                Unmanaged<Body>.fromOpaque(context).takeUnretainedValue().call(index)
            }
            withExtendedLifetime(box) {}
        }
    }

    private final class Body {
        let call: (Int) -> Void

        init(_ call: @escaping (Int) -> Void) { self.call = call }
    }
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
}
