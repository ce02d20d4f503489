// A convolution by oneDNN, in bounded memory.
//
// The library takes channels-last maps as they are, and reads nothing but the rows that it is given: so a map is
// convolved tile by tile, and where it is first normalised and swished, that happens to the rows of a tile. No
// normalised copy of a whole map ever exists, nor does any unfolded one.

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
    private let weights: ConvolutionWeights

    /// 2 Mi floats: 8 MB, a few rows of the largest map.
    private static let tileElements = 2 << 20

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
        weights = ConvolutionWeights(weight, inputs: inputs, outputs: outputs, kernel: kernel, stride: stride)
    }

    /// The convolution of `input`, as a new map.
    ///
    /// - Parameter affine: applied to the input first, with swish after it, where given.
    package func callAsFunction(_ input: FeatureMap, normalizing affine: ChannelAffine? = nil) -> FeatureMap {
        let (height, width) = outputSize(input)
        // Every element is written: the tiles cover all rows.
        let elements = [Float](unsafeUninitializedCapacity: height * width * outputs) { buffer, count in
            count = height * width * outputs
            if let start = buffer.baseAddress { convolve(input, affine, into: start, adds: false) }
        }
        return FeatureMap(
            height: height, width: width, states: Matrix(rows: height * width, columns: outputs, elements: elements))
    }

    /// `output += convolution(input)`: a residual block's last step, without a map of its own.
    package func add(_ input: FeatureMap, normalizing affine: ChannelAffine? = nil, to output: inout FeatureMap) {
        let (height, width) = outputSize(input)
        precondition(output.channels == outputs, "channels differ")
        precondition(output.height == height && output.width == width, "the output has another size")
        output.states.elements.withUnsafeMutableBufferPointer { buffer in
            if let start = buffer.baseAddress { convolve(input, affine, into: start, adds: true) }
        }
    }

    private func outputSize(_ input: FeatureMap) -> (height: Int, width: Int) {
        precondition(input.channels == inputs, "channels differ")
        let grown = padding.leading + padding.trailing - kernel
        precondition(input.height + grown >= 0 && input.width + grown >= 0, "the map is smaller than the kernel")
        return ((input.height + grown) / stride + 1, (input.width + grown) / stride + 1)
    }

    /// The convolution into `output`, which has room for the output's size.
    private func convolve(
        _ input: FeatureMap, _ affine: ChannelAffine?, into output: UnsafeMutablePointer<Float>, adds: Bool
    ) {
        let (height, width) = outputSize(input)
        let run = input.width * inputs
        let isWhole = kernel == 1 && stride == 1 && affine == nil
        let tileRows = isWhole ? height : max(1, min(height, (Self.tileElements / run - kernel) / stride + 1))
        var tile = [Float](repeating: 0, count: isWhole ? 0 : ((tileRows - 1) * stride + kernel) * run)
        for first in Swift.stride(from: 0, to: height, by: tileRows) {
            let count = min(tileRows, height - first)
            let inputRows = (count - 1) * stride + kernel
            let primitive = ConvolutionPrimitive.cached(
                .init(
                    inputs: inputs, outputs: outputs, kernel: kernel, stride: stride, leading: padding.leading,
                    trailing: padding.trailing, inputRows: inputRows, inputColumns: input.width, adds: adds),
                weight: weights.layout)
            if !isWhole { fill(&tile, rows: inputRows, of: input, from: first * stride - padding.leading, affine) }
            (isWhole ? input.states.elements : tile).withUnsafeBufferPointer { states in
                bias.withUnsafeBufferPointer { bias in
                    // `inputRows` rows of input, and `count` rows of output from `first` on, which the output has.
                    guard let states = states.baseAddress, let bias = bias.baseAddress else { return }
                    primitive.run(
                        states, weight: UnsafeRawPointer(weights.start), bias: bias,
                        into: output + first * width * outputs)
                }
            }
        }
    }

    /// Puts rows of the input into the tile, normalised and swished where asked for; rows outside the picture are zero.
    private func fill(
        _ tile: inout [Float], rows: Int, of input: FeatureMap, from first: Int, _ affine: ChannelAffine?
    ) {
        let run = input.width * inputs
        precondition(rows * run <= tile.count, "outside the tile")
        tile.withUnsafeMutableBufferPointer { tile in
            input.states.elements.withUnsafeBufferPointer { states in
                // Rows 0..<height of the input, `run` elements each, into rows 0..<rows of the tile.
                guard let tile = tile.baseAddress, let states = states.baseAddress else { return }
                let inside = max(0, -first)..<max(max(0, -first), min(rows, input.height - first))
                tile.update(repeating: 0, count: inside.lowerBound * run)
                (tile + inside.upperBound * run).update(repeating: 0, count: (rows - inside.upperBound) * run)
                guard !inside.isEmpty else { return }
                let (source, target) = (states + (first + inside.lowerBound) * run, tile + inside.lowerBound * run)
                if let affine {
                    affine.apply(source, pixels: inside.count * input.width, swish: true, into: target)
                } else {
                    target.update(from: source, count: inside.count * run)
                }
            }
        }
    }
}
