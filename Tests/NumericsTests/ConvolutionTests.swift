import Foundation
import Numerics
import Testing

@Suite("Convolutions over feature maps") struct ConvolutionTests {
    /// The definition, one output at a time.
    private func reference(
        _ planes: [Float], channels: Int, height: Int, width: Int, weight: [Float], bias: [Float], kernel: Int,
        stride: Int, padding: Convolution.Padding
    ) -> [Double] {
        let grown = padding.leading + padding.trailing - kernel
        let (rows, columns) = ((height + grown) / stride + 1, (width + grown) / stride + 1)
        var out: [Double] = []
        for y in 0..<rows {
            for x in 0..<columns {
                for output in bias.indices {
                    var sum = Double(bias[output])
                    for channel in 0..<channels {
                        for ky in 0..<kernel {
                            for kx in 0..<kernel {
                                let (sy, sx) = (y * stride + ky - padding.leading, x * stride + kx - padding.leading)
                                guard sy >= 0, sy < height, sx >= 0, sx < width else { continue }
                                let w = weight[((output * channels + channel) * kernel + ky) * kernel + kx]
                                sum += Double(planes[(channel * height + sy) * width + sx]) * Double(w)
                            }
                        }
                    }
                    out.append(sum)
                }
            }
        }
        return out
    }

    @Test(
        "a convolution agrees with its definition for every kernel, stride and padding that encoders use",
        arguments: [(3, 1, 1, 1), (1, 1, 0, 0), (3, 2, 0, 1), (3, 2, 1, 1), (2, 2, 0, 0)])
    func definition(kernel: Int, stride: Int, leading: Int, trailing: Int) {
        for (height, width) in [(8, 6), (7, 9)] {
            let (inputs, outputs) = (5, 4)
            let planes = Numbers.list(inputs * height * width, seed: 21)
            let weight = Numbers.list(outputs * inputs * kernel * kernel, seed: 22)
            let bias = Numbers.list(outputs, seed: 23)
            let padding = Convolution.Padding(leading: leading, trailing: trailing)
            let convolution = Convolution(
                inputs: inputs, outputs: outputs, kernel: kernel, stride: stride, padding: padding, weight: weight,
                bias: bias)
            let map = FeatureMap(planes: planes, channels: inputs, height: height, width: width)
            let expected = reference(
                planes, channels: inputs, height: height, width: width, weight: weight, bias: bias, kernel: kernel,
                stride: stride, padding: padding)
            var result = convolution(map)
            #expect(result.states.elements.count == expected.count)
            for (x, y) in zip(result.states.elements, expected) { #expect(abs(Double(x) - y) < 1e-5) }
            convolution.add(map, to: &result)
            for (x, y) in zip(result.states.elements, expected) { #expect(abs(Double(x) - 2 * y) < 1e-5) }
        }
    }

    @Test("a map that needs several tiles has no seams, at either stride", arguments: [1, 2])
    func tiles(stride: Int) {
        // 3 · 64 · 256 floats a row: over 80 rows in a tile of 4 Mi, fewer than the map has.
        let (inputs, height, width) = (64, 200, 256)
        let planes = Numbers.list(inputs * height * width, seed: 24)
        let weight = Numbers.list(inputs * 9, seed: 25)
        let convolution = Convolution(
            inputs: inputs, outputs: 1, kernel: 3, stride: stride,
            padding: stride == 1 ? .init(leading: 1, trailing: 1) : .init(leading: 0, trailing: 1), weight: weight,
            bias: [0.5])
        let result = convolution(FeatureMap(planes: planes, channels: inputs, height: height, width: width))
        let expected = reference(
            planes, channels: inputs, height: height, width: width, weight: weight, bias: [0.5], kernel: 3,
            stride: stride, padding: convolution.padding)
        let worst = zip(result.states.elements, expected).map { abs(Double($0) - $1) }.max() ?? .infinity
        #expect(result.states.elements.count == expected.count)
        #expect(worst < 1e-4)
    }

    @Test("group norm and swish on the way into a convolution are group norm and swish of the whole map")
    func normalizing() {
        let (channels, height, width) = (8, 5, 6)
        let planes = Numbers.list(channels * height * width, seed: 26).map { $0 * 3 + 1 }
        let norm = GroupNorm(
            groups: 4, weight: Numbers.list(channels, seed: 27), bias: Numbers.list(channels, seed: 28), epsilon: 1e-6)
        let map = FeatureMap(planes: planes, channels: channels, height: height, width: width)
        var expected = planes.map(Double.init)
        let pixels = height * width
        for group in 0..<4 {
            let range = group * 2 * pixels..<(group + 1) * 2 * pixels
            let mean = expected[range].reduce(0, +) / Double(range.count)
            let variance = expected[range].reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(range.count)
            for index in range {
                let channel = index / pixels
                expected[index] =
                    (expected[index] - mean) / (variance + 1e-6).squareRoot() * Double(norm.weight[channel])
                    + Double(norm.bias[channel])
            }
        }
        let normed = norm.affine(for: map).applied(to: map)
        for channel in 0..<channels {
            for pixel in 0..<pixels {
                #expect(abs(Double(normed.states[pixel, channel]) - expected[channel * pixels + pixel]) < 1e-5)
            }
        }
        let weight = Numbers.list(channels * 9, seed: 29)
        let convolution = Convolution(
            inputs: channels, outputs: 1, kernel: 3, padding: .init(leading: 1, trailing: 1), weight: weight, bias: [0])
        let swished = reference(
            expected.map { Float($0 / (1 + exp(-$0))) }, channels: channels, height: height, width: width,
            weight: weight, bias: [0], kernel: 3, stride: 1, padding: convolution.padding)
        let result = convolution(map, normalizing: norm.affine(for: map))
        for (x, y) in zip(result.states.elements, swished) { #expect(abs(Double(x) - y) < 1e-5) }
    }
}
