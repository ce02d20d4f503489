import CPNG

/// PNG by libpng, behind a C function that keeps libpng's longjmp to itself.
enum PNGDecoder {
    /// RGB pixels, `[height, width, 3]` as stored; transparency over white.
    static func pixels(of bytes: [UInt8], _ header: ImageHeader) throws(ImagingError) -> [UInt8] {
        let channels = header.hasAlpha ? 4 : 3
        let (width, height) = (header.storedWidth, header.storedHeight)
        var message = [CChar](repeating: 0, count: 200)
        // The header's sides are within the limits, and the C side refuses any others.
        var pixels = [UInt8](repeating: 0, count: width * height * channels)
        let failed = cpng_decode(
            bytes, bytes.count, UInt32(width), UInt32(height), Int32(channels), &pixels, &message, message.count)
        guard failed == 0 else {
            let reason = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw ImagingError(.damaged, "the PNG cannot be decoded: \(reason)")
        }
        if channels == 4 { compositeOverWhite(&pixels) }
        return pixels
    }

    /// Turns straight RGBA into RGB over white, in place: `(s·a + 255·(255 − a)) / 255`, rounded by Pillow's
    /// `alpha_composite`, which works with 7 more bits and divides by shifts.
    private static func compositeOverWhite(_ pixels: inout [UInt8]) {
        let count = pixels.count / 4
        pixels.withUnsafeMutableBufferPointer { pixels in
            // The write position (3 bytes a pixel) never passes the read position (4 bytes a pixel).
            for position in 0..<count {
                let alpha = UInt32(pixels[position * 4 + 3])
                for channel in 0..<3 {
                    let colour = UInt32(pixels[position * 4 + channel])
                    let sum = (colour * alpha + 255 * (255 - alpha)) << 7 + (0x80 << 7)
                    pixels[position * 3 + channel] = UInt8(((sum >> 8) + sum) >> 15)
                }
            }
        }
        pixels.removeLast(count)
    }
}
