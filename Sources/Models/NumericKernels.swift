import Numerics

/// Which libraries compute, as provenance names them.
package enum NumericKernels {
    /// Version and kernel set: `0.3.21 Cooperlake`.
    package static var openBLAS: String { "\(OpenBLAS.version) \(OpenBLAS.kernel)" }

    /// Threads that a matrix product is spread over.
    package static var threads: Int { OpenBLAS.threads }
}
