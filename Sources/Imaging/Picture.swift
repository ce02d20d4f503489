/// A decoded picture: 8-bit RGB.
package struct Picture: Sendable, Equatable {
    package let width: Int
    package let height: Int
    /// `[height, width, 3]`, rows from the top.
    package let pixels: [UInt8]

    /// A picture of the given pixels, `[height, width, 3]`.
    package init(width: Int, height: Int, pixels: [UInt8]) {
        precondition(width > 0 && height > 0 && pixels.count == width * height * 3, "three bytes a pixel")
        self.width = width
        self.height = height
        self.pixels = pixels
    }

    /// Decodes a PNG or JPEG file, as Pillow would after `exif_transpose` and conversion to RGB, with transparency
    /// composited over white. docs/numerics.md lists what differs.
    ///
    /// - throws: ``ImagingError``; damaged and truncated files are errors, not grey areas.
    package init(decoding bytes: [UInt8], limits: ImageLimits = .default) throws(ImagingError) {
        let header = try ImageHeader(bytes, limits: limits)
        let stored: [UInt8]
        switch header.format {
        case .png: stored = try PNGDecoder.pixels(of: bytes, header)
        case .jpeg: stored = try JPEGDecoder.pixels(of: bytes, header)
        }
        self.init(width: header.width, height: header.height, pixels: Self.turn(stored, header))
    }

    private static func turn(_ stored: [UInt8], _ header: ImageHeader) -> [UInt8] {
        guard header.orientation != .upright else { return stored }
        let (width, height) = (header.storedWidth, header.storedHeight)
        return [UInt8](unsafeUninitializedCapacity: stored.count) { turned, count in
            var at = 0
            for y in 0..<header.height {
                for x in 0..<header.width {
                    let source = header.orientation.stored(x: x, y: y, width: width, height: height)
                    let from = (source.y * width + source.x) * 3
                    turned[at] = stored[from]
                    turned[at + 1] = stored[from + 1]
                    turned[at + 2] = stored[from + 2]
                    at += 3
                }
            }
            // Width and height are a permutation of the stored ones, so every byte has been written.
            count = at
        }
    }
}
