import CKernels
import Glibc
import Synchronization

/// Rotary position embedding in the half-split layout of Hugging Face checkpoints (Su et al. 2021): columns i and
/// i + size/2 of a head turn together by `position · base^(-2i/size)`.
package struct RotaryEmbedding: Sendable {
    package let headSize: Int
    /// Radians a position, `[headSize / 2]`.
    ///
    /// In single precision as the reference has them: at position 4000 the rounding of a frequency is worth 2e-4 of
    /// a radian, so more digits here would mean less agreement.
    package let frequencies: [Float]
    private let turns = Turns()

    /// - Parameters:
    ///   - headSize: columns of a head, even.
    ///   - base: `rope_theta`.
    ///   - factor: positions are divided by it (`rope_scaling` of type `linear`); 1 leaves them.
    package init(headSize: Int, base: Double, factor: Double = 1) {
        precondition(headSize > 0 && headSize % 2 == 0, "rotary embedding turns pairs of columns")
        self.headSize = headSize
        frequencies = (0..<headSize / 2).map { pair in
            let exponent = Float(2 * pair) / Float(headSize)
            let frequency = 1 / Float(pow(Double(Float(base)), Double(exponent)))
            return frequency / Float(factor)
        }
    }

    /// Turns every head of some rows; the first of them sits at `position`. `states` is `[rows, heads * headSize]`.
    package func rotate(_ states: inout Matrix, rows range: Range<Int>? = nil, from position: Int) {
        precondition(states.columns % headSize == 0, "rows must divide into heads")
        let range = range ?? 0..<states.rows
        precondition(range.lowerBound >= 0 && range.upperBound <= states.rows && position >= 0, "outside the matrix")
        let (columns, count) = (states.columns, range.count)
        let turns = turns.upTo(position + count, frequencies)
        states.elements.withUnsafeMutableBufferPointer { buffer in
            turns.withUnsafeBufferPointer { turns in
                // `range` lies in the matrix, and the turns reach to its last position, headSize elements each.
                guard let start = buffer.baseAddress, let turns = turns.baseAddress else { return }
                ckernels_rotate(
                    Kernels.level, count, columns, headSize, start + range.lowerBound * columns,
                    turns + position * headSize)
            }
        }
    }

    /// Cosines and sines of the positions met so far.
    private final class Turns: Sendable {
        private let known = Mutex<[Float]>([])

        /// `[positions, headSize]`, at least `count` of them: a position's cosines, then its sines.
        func upTo(_ count: Int, _ frequencies: [Float]) -> [Float] {
            known.withLock { known in
                let size = 2 * frequencies.count
                guard known.count < count * size else { return known }
                // Further than asked, so that generation does not come here for every token.
                let end = max(count, min(2 * count, 4096))
                known.reserveCapacity(end * size)
                for position in known.count / size..<end {
                    let angles = frequencies.map { Double(Float(position) * $0) }
                    known += angles.map { Float(cos($0)) }
                    known += angles.map { Float(sin($0)) }
                }
                return known
            }
        }
    }
}
