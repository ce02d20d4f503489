/// What a picture may cost. Checked against the file's header, before anything is allocated for its pixels.
package struct ImageLimits: Sendable, Equatable {
    /// The most pixels, width times height.
    package var pixels: Int
    /// The longest side.
    package var side: Int
    /// The most pixel visits over all scans of a progressive JPEG, which may have hundreds of scans over every pixel.
    package var scannedPixels: Int
    /// The most bytes of pixels and, of a JPEG in several scans, coefficients, all of which wait for the last scan.
    package var memory: Int

    /// 64 megapixels, 32768 a side, 2^31 pixel visits, 512 MiB.
    package static let `default` = ImageLimits(pixels: 64 << 20, side: 32768, scannedPixels: 1 << 31)

    package init(pixels: Int, side: Int, scannedPixels: Int, memory: Int = 512 << 20) {
        self.pixels = pixels
        self.side = side
        self.scannedPixels = scannedPixels
        self.memory = memory
    }

    /// How many scans a JPEG of these sides may have; one is always allowed.
    ///
    /// A scan goes over whole blocks, of 32 pixels a side at most, and takes its time even where it has but one.
    func scans(width: Int, height: Int) -> Int {
        func blocks(_ side: Int) -> Int { (side + 31) / 32 * 32 }
        return max(1, scannedPixels / (blocks(width) * blocks(height)))
    }

    func check(width: Int, height: Int) throws(ImagingError) {
        guard width > 0, height > 0 else {
            throw ImagingError(.damaged, "the picture is \(width)×\(height) pixels; both sides must be at least 1")
        }
        guard width <= side, height <= side else {
            throw ImagingError(
                .tooLarge,
                "the picture is \(width)×\(height) pixels; a side may have at most \(side): scale it down first")
        }
        // Both are at most `side`; the product cannot overflow.
        guard width * height <= pixels else {
            throw ImagingError(
                .tooLarge,
                "the picture is \(width)×\(height) pixels, \(width * height) in all; at most \(pixels) are accepted: "
                    + "scale it down first")
        }
    }
}
