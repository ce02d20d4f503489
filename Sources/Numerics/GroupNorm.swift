/// Group norm over a feature map (Wu and He 2018): mean and population variance over the pixels and the
/// channels of a group, then a factor and an offset for every channel.
package struct GroupNorm: Sendable {
    package let groups: Int
    package let weight: [Float]
    package let bias: [Float]
    package let epsilon: Float

    /// - Parameters:
    ///   - groups: divides the number of channels.
    ///   - weight: `[channels]`, as `bias`.
    package init(groups: Int, weight: [Float], bias: [Float], epsilon: Float) {
        precondition(groups > 0 && weight.count % groups == 0 && bias.count == weight.count, "groups divide channels")
        self.groups = groups
        self.weight = weight
        self.bias = bias
        self.epsilon = epsilon
    }

    /// What the norm amounts to on `map`: one affine map a channel.
    ///
    /// Two passes, the second around the mean, with a picture row summed in single and the rows in double
    /// precision: a channel of 512×512 pixels has too many terms for one running `Float`.
    package func affine(for map: FeatureMap) -> ChannelAffine {
        let channels = map.channels
        precondition(channels == weight.count, "one weight a channel")
        let size = channels / groups
        let count = Double(map.states.rows * size)
        let means = fold(Self.totals(of: map, around: [Float](repeating: 0, count: channels), squared: false))
            .map { $0 / count }
        let centres = (0..<channels).map { Float(means[$0 / size]) }
        let variances = fold(Self.totals(of: map, around: centres, squared: true)).map { $0 / count }
        var affine = ChannelAffine(scale: weight, shift: bias)
        for channel in 0..<channels {
            let scale = weight[channel] / Float((variances[channel / size] + Double(epsilon)).squareRoot())
            affine.scale[channel] = scale
            affine.shift[channel] = bias[channel] - centres[channel] * scale
        }
        return affine
    }

    private func fold(_ channels: [Double]) -> [Double] {
        let size = channels.count / groups
        return (0..<groups).map { group in channels[group * size..<(group + 1) * size].reduce(0, +) }
    }

    /// The sum over all pixels of `x - centre`, squared or not, by channel.
    private static func totals(of map: FeatureMap, around centres: [Float], squared: Bool) -> [Double] {
        let channels = map.channels
        var totals = [Double](repeating: 0, count: channels)
        var partial = [Float](repeating: 0, count: channels)
        map.states.elements.withUnsafeBufferPointer { states in
            guard let start = states.baseAddress else { return }
            for y in 0..<map.height {
                for channel in 0..<channels { partial[channel] = 0 }
                partial.withUnsafeMutableBufferPointer { partial in
                    centres.withUnsafeBufferPointer { centres in
                        for x in 0..<map.width {
                            // Pixel (y, x) is `channels` elements of the map, which holds height * width of them.
                            let pixel = start + (y * map.width + x) * channels
                            if squared {
                                for channel in 0..<channels {
                                    let distance = pixel[channel] - centres[channel]
                                    partial[channel] += distance * distance
                                }
                            } else {
                                for channel in 0..<channels { partial[channel] += pixel[channel] }
                            }
                        }
                    }
                }
                for channel in 0..<channels { totals[channel] += Double(partial[channel]) }
            }
        }
        return totals
    }
}

/// `x · scale + shift`, with one factor and one offset a channel.
package struct ChannelAffine: Sendable {
    package fileprivate(set) var scale: [Float]
    package fileprivate(set) var shift: [Float]

    /// The map applied to every pixel.
    package func applied(to map: FeatureMap) -> FeatureMap {
        var result = map
        let channels = map.channels
        result.states.elements.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return }
            // The buffer is the map's: height * width pixels of `channels` elements.
            apply(start, pixels: map.height * map.width, channels: channels, swish: false)
        }
        return result
    }

    /// The map, and swish (x · sigmoid(x)) after it where asked for, in place on `pixels` pixels at `start`, whose
    /// `channels` elements each the caller guarantees to exist.
    func apply(_ start: UnsafeMutablePointer<Float>, pixels: Int, channels: Int, swish: Bool) {
        precondition(scale.count == channels && shift.count == channels, "one factor a channel")
        scale.withUnsafeBufferPointer { scale in
            shift.withUnsafeBufferPointer { shift in
                for pixel in 0..<pixels {
                    let x = start + pixel * channels
                    for channel in 0..<channels { x[channel] = x[channel] * scale[channel] + shift[channel] }
                }
            }
        }
        if swish { start.mapLanes(pixels * channels) { $0 * logistic($0) } }
    }
}
