import Glibc

/// Rotary position embedding in the half-split layout of Hugging Face checkpoints (Su et al. 2021): columns i and
/// i + size/2 of a head turn together by `position · base^(-2i/size)`.
package struct RotaryEmbedding: Sendable {
    package let headSize: Int
    /// Radians a position, `[headSize / 2]`.
    ///
    /// In single precision as the reference has them: at position 4000 the rounding of a frequency is worth 2e-4 of
    /// a radian, so more digits here would mean less agreement.
    package let frequencies: [Float]

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
        precondition(range.lowerBound >= 0 && range.upperBound <= states.rows, "outside the matrix")
        let (columns, half) = (states.columns, headSize / 2)
        var cosines = [Float](repeating: 0, count: half)
        var sines = cosines
        states.elements.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return }
            for row in range {
                for pair in 0..<half {
                    let angle = Double(Float(position + row - range.lowerBound) * frequencies[pair])
                    cosines[pair] = Float(cos(angle))
                    sines[pair] = Float(sin(angle))
                }
                for head in 0..<columns / headSize {
                    // Two halves of one head, `half` elements each, inside row `row`.
                    let low = start + row * columns + head * headSize
                    let high = low + half
                    for pair in 0..<half {
                        let (x, y) = (low[pair], high[pair])
                        low[pair] = x * cosines[pair] - y * sines[pair]
                        high[pair] = y * cosines[pair] + x * sines[pair]
                    }
                }
            }
        }
    }
}
