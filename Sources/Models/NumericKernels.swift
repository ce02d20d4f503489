import Numerics

/// Which libraries compute, as provenance names them.
package enum NumericKernels {
    /// Version and kernel set: `0.3.21 Cooperlake`.
    package static var openBLAS: String { "\(OpenBLAS.version) \(OpenBLAS.kernel)" }

    /// Version and instruction set: `2.6.3 avx512_core_bf16`.
    package static var oneDNN: String { OneDNN.name }

    /// The instruction set of the kernels that are narrowgate's own: `avx512_bf16`.
    package static var own: String { Kernels.name }

    /// Threads that a matrix product is spread over.
    package static var threads: Int { OpenBLAS.threads }
}
