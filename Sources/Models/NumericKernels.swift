import Numerics

/// Which libraries compute, as provenance names them.
package enum NumericKernels {
    /// Version and kernel set: `0.3.21 Cooperlake`.
    package static var openBLAS: String { "\(OpenBLAS.version) \(OpenBLAS.kernel)" }

    /// Version and instruction set: `2.6.3 avx512_core_bf16`.
    package static var oneDNN: String { OneDNN.name }

    /// The instruction set of the kernels that are narrowgate's own: `avx512_bf16`.
    package static var own: String { Kernels.name }

    /// Readies the process for computing models: call it on the engine's thread, once.
    package static func prepare() { Kernels.keepMemory() }

    /// Threads that a matrix product is spread over.
    package static var threads: Int { Kernels.threads }
}
