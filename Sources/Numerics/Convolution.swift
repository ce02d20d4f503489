// A convolution as matrix products, in bounded memory.
//
// The classical im2col writes every input pixel k² times. Here only the columns are unrolled: row y of the input
// becomes, for each output column x, the k pixels that the kernel covers there, k·C elements in a run (which they
// already are in a channels-last row, so the unrolling is one copy a pixel). Kernel row ky then needs, for output
// rows r, the unrolled input rows r·stride + ky: with the rows of each residue modulo the stride kept together,
// these are consecutive, and the convolution is k products of [pixels, k·C] by [k·C, out] added up.
//
// Unrolled rows are made tile by tile: `tileElements` bounds the buffer. Where the input is first normalised and
// swished, that happens on the row being unrolled, so no normalised copy of the map ever exists.

/// A two-dimensional convolution with bias over a ``FeatureMap``.
package struct Convolution: Sendable {
    /// Zeros added around the input, in pixels.
    package struct Padding: Sendable, Equatable {
        package let leading: Int
        package let trailing: Int

        /// - Parameters:
        ///   - leading: above and to the left.
        ///   - trailing: below and to the right.
        package init(leading: Int, trailing: Int) {
            self.leading = leading
            self.trailing = trailing
        }
    }

    package let inputs: Int
    package let outputs: Int
    package let kernel: Int
    package let stride: Int
    package let padding: Padding
    private let bias: [Float]
    /// For each kernel row a matrix `[outputs, kernel * inputs]`, whose inner index is (kernel column, input channel).
    private let rows: [Matrix]

    /// 4 Mi floats: 16 MB, a few rows of the largest map.
    private static let tileElements = 4 << 20

    /// - Parameters:
    ///   - weight: `[outputs, inputs, kernel, kernel]`, as checkpoints store it.
    ///   - bias: `[outputs]`.
    package init(
        inputs: Int, outputs: Int, kernel: Int, stride: Int = 1, padding: Padding, weight: [Float], bias: [Float]
    ) {
        precondition(weight.count == outputs * inputs * kernel * kernel && bias.count == outputs, "shapes differ")
        precondition(inputs > 0 && outputs > 0 && kernel > 0 && stride > 0, "extents are positive")
        self.inputs = inputs
        self.outputs = outputs
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.bias = bias
        rows = (0..<kernel).map { ky in
            var row = Matrix(rows: outputs, columns: kernel * inputs)
            for output in 0..<outputs {
                for input in 0..<inputs {
                    for kx in 0..<kernel {
                        row.elements[(output * kernel + kx) * inputs + input] =
                            weight[((output * inputs + input) * kernel + ky) * kernel + kx]
                    }
                }
            }
            return row
        }
    }

    /// The convolution of `input`, as a new map.
    ///
    /// - Parameter affine: applied to the input first, with swish after it, where given.
    package func callAsFunction(_ input: FeatureMap, normalizing affine: ChannelAffine? = nil) -> FeatureMap {
        let (height, width) = outputSize(input)
        var output = FeatureMap(
            height: height, width: width, states: Matrix(rows: height * width, columns: outputs))
        add(input, normalizing: affine, to: &output)
        return output
    }

    /// `output += convolution(input)`: a residual block's last step, without a map of its own.
    package func add(_ input: FeatureMap, normalizing affine: ChannelAffine? = nil, to output: inout FeatureMap) {
        let (height, width) = outputSize(input)
        precondition(input.channels == inputs && output.channels == outputs, "channels differ")
        precondition(output.height == height && output.width == width, "the output has another size")
        let columns = kernel * inputs
        let runLength = width * columns
        let tileRows = max(1, min(height, (Self.tileElements / runLength - kernel) / stride + 1))
        let phaseRows = ((tileRows - 1) * stride + kernel + stride - 1) / stride
        var unrolled = [Float](repeating: 0, count: phaseRows * stride * runLength)
        var padded = [Float](repeating: 0, count: (input.width + padding.leading + padding.trailing) * inputs)
        for first in Swift.stride(from: 0, to: height, by: tileRows) {
            let count = min(tileRows, height - first)
            for offset in 0..<(count - 1) * stride + kernel {
                let slot = offset % stride * phaseRows + offset / stride
                unroll(
                    input, row: first * stride + offset - padding.leading, affine: affine, padded: &padded,
                    into: &unrolled, at: slot * runLength, columns: width)
            }
            multiply(
                unrolled, phaseLength: phaseRows * runLength, runLength: runLength, pixels: count * width,
                into: &output, from: first * width)
        }
    }

    private func outputSize(_ input: FeatureMap) -> (height: Int, width: Int) {
        let grown = padding.leading + padding.trailing - kernel
        precondition(input.height + grown >= 0 && input.width + grown >= 0, "the map is smaller than the kernel")
        return ((input.height + grown) / stride + 1, (input.width + grown) / stride + 1)
    }

    /// Writes the unrolled input row `row` (zeros outside the picture) to `unrolled[start...]`.
    ///
    /// `padded` is scratch for one row; its borders are zero and stay so.
    private func unroll(
        _ input: FeatureMap, row: Int, affine: ChannelAffine?, padded: inout [Float], into unrolled: inout [Float],
        at start: Int, columns: Int
    ) {
        let run = kernel * inputs
        precondition(start >= 0 && start + columns * run <= unrolled.count, "outside the tile")
        precondition(((columns - 1) * stride + kernel) * inputs <= padded.count, "outside the row")
        unrolled.withUnsafeMutableBufferPointer { unrolled in
            padded.withUnsafeMutableBufferPointer { padded in
                input.states.elements.withUnsafeBufferPointer { states in
                    // The preconditions bound every copy below; a picture row is width * inputs elements, and
                    // `padded` has `leading` more pixels before it and `trailing` after.
                    guard let out = unrolled.baseAddress, let line = padded.baseAddress, let all = states.baseAddress
                    else { return }
                    guard row >= 0 && row < input.height else {
                        (out + start).update(repeating: 0, count: columns * run)
                        return
                    }
                    let length = input.width * inputs
                    let inner = line + padding.leading * inputs
                    inner.update(from: all + row * length, count: length)
                    affine?.apply(inner, pixels: input.width, channels: inputs, swish: true)
                    for column in 0..<columns {
                        (out + start + column * run).update(from: line + column * stride * inputs, count: run)
                    }
                }
            }
        }
    }

    /// Adds the bias and the kernel rows' products to `pixels` output pixels from `first` on.
    private func multiply(
        _ unrolled: [Float], phaseLength: Int, runLength: Int, pixels: Int, into output: inout FeatureMap,
        from first: Int
    ) {
        let inner = kernel * inputs
        precondition((first + pixels) * outputs <= output.states.elements.count, "outside the output")
        output.states.elements.withUnsafeMutableBufferPointer { output in
            unrolled.withUnsafeBufferPointer { unrolled in
                // `pixels` rows of `outputs` elements, inside the output by the precondition.
                guard let out = output.baseAddress.map({ $0 + first * outputs }), let tile = unrolled.baseAddress
                else { return }
                bias.withUnsafeBufferPointer { bias in
                    for pixel in 0..<pixels {
                        let target = out + pixel * outputs
                        for channel in 0..<outputs { target[channel] += bias[channel] }
                    }
                }
                for (ky, weights) in rows.enumerated() {
                    // Rows r·stride + ky for r = 0, 1, …: consecutive in phase ky % stride from ky / stride on; the
                    // tile was filled for all of them.
                    let start = ky % stride * phaseLength + ky / stride * runLength
                    precondition(start + pixels * inner <= unrolled.count, "outside the tile")
                    weights.elements.withUnsafeBufferPointer { weights in
                        guard let weights = weights.baseAddress else { return }
                        OpenBLAS.multiply(
                            .init(start: tile + start, stride: inner), .init(start: weights, stride: inner),
                            transposed: true, into: out, resultStride: outputs, rows: pixels, columns: outputs,
                            inner: inner, keep: 1)
                    }
                }
            }
        }
    }
}
