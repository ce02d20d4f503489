import Imaging

extension VisionLanguageModel {
    /// Encodes a picture that is drawn here, for checks of a model that come with none: shaded stripes and a disc, others
    /// for another number.
    ///
    /// - Parameter boundary: called every so often; throwing abandons the work.
    package func encodeTestPicture(_ number: Int, boundary: (() throws -> Void)? = nil) throws -> EncodedImage {
        let side = 256
        let (row, column, radius) = (64 + 41 * number % 128, 64 + 83 * number % 128, 24 + 17 * number % 40)
        var pixels: [UInt8] = []
        pixels.reserveCapacity(side * side * 3)
        for y in 0..<side {
            for x in 0..<side {
                let inDisc = (x - column) * (x - column) + (y - row) * (y - row) < radius * radius
                let stripe = (x + (number + 1) * y) / 24 % 2 * 60
                for plane in 0..<3 {
                    let shade = ((plane + number) % 3 + 1) * (x + y) / 12
                    pixels.append(UInt8(inDisc ? 255 - 70 * ((plane + number) % 3) : min(255, shade + stripe)))
                }
            }
        }
        return try encode(Picture(width: side, height: side, pixels: pixels), boundary: boundary)
    }
}
