/// What a convolution reads and writes: one picture's activations, channels last.
///
/// `states` is `[height * width, channels]` in raster order: the channels of a pixel lie together, so a 1×1
/// convolution is a matrix product as it stands and attention sees pixels as rows.
package struct FeatureMap: Sendable {
    package let height: Int
    package let width: Int
    package var states: Matrix

    package var channels: Int { states.columns }

    /// - Parameter states: `[height * width, channels]`.
    package init(height: Int, width: Int, states: Matrix) {
        precondition(height > 0 && width > 0 && states.rows == height * width, "one row a pixel")
        self.height = height
        self.width = width
        self.states = states
    }

    /// A map from planes, `[channels, height, width]`: the layout of `pixel_values`.
    package init(planes: [Float], channels: Int, height: Int, width: Int) {
        let pixels = height * width
        precondition(planes.count == channels * pixels, "one plane a channel")
        var states = Matrix(rows: pixels, columns: channels)
        for channel in 0..<channels {
            for pixel in 0..<pixels { states.elements[pixel * channels + channel] = planes[channel * pixels + pixel] }
        }
        self.init(height: height, width: width, states: states)
    }
}
