import CKernels

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
        let (channels, width) = (map.channels, map.width)
        // A picture row each in single precision, the rows in double and in their order.
        var rows = [Float](repeating: 0, count: map.height * channels)
        map.states.elements.withUnsafeBufferPointer { states in
            centres.withUnsafeBufferPointer { centres in
                rows.withUnsafeMutableBufferPointer { rows in
                    // height rows of width pixels of `channels` elements; one row of sums for each.
                    guard let states = states.baseAddress, let centres = centres.baseAddress,
                        let rows = rows.baseAddress
                    else { return }
                    ckernels_channel_sums(
                        Kernels.level, map.height, width, channels, states, centres, squared ? 1 : 0, rows)
                }
            }
        }
        var totals = [Double](repeating: 0, count: channels)
        for y in 0..<map.height {
            for channel in 0..<channels { totals[channel] += Double(rows[y * channels + channel]) }
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
        let (pixels, channels) = (map.states.rows, map.channels)
        let elements = [Float](unsafeUninitializedCapacity: pixels * channels) { result, count in
            count = pixels * channels
            map.states.elements.withUnsafeBufferPointer { states in
                // Both hold every pixel's channels.
                guard let states = states.baseAddress, let result = result.baseAddress else { return }
                apply(states, pixels: pixels, swish: false, into: result)
            }
        }
        return FeatureMap(
            height: map.height, width: map.width, states: Matrix(rows: pixels, columns: channels, elements: elements))
    }

    /// The map, and swish (x · sigmoid(x)) after it where asked for, of `pixels` pixels, whose channels (as many as there
    /// are factors) the caller guarantees to exist on both sides.
    func apply(
        _ states: UnsafePointer<Float>, pixels: Int, swish: Bool, into result: UnsafeMutablePointer<Float>
    ) {
        ckernels_affine(Kernels.level, pixels, scale.count, states, scale, shift, swish ? 1 : 0, result)
    }
}
