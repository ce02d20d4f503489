import CTurboJPEG

/// JPEG by libjpeg-turbo: accurate integer DCT and smooth chroma upsampling, its and Pillow's defaults.
enum JPEGDecoder {
    /// RGB pixels, `[height, width, 3]` as stored.
    static func pixels(of bytes: [UInt8], _ header: ImageHeader) throws(ImagingError) -> [UInt8] {
        guard let decoder = tjInitDecompress() else { throw ImagingError(.damaged, "out of memory") }
        defer { tjDestroy(decoder) }
        let isCMYK = header.components == 4
        let channels = isCMYK ? 4 : 3
        let (width, height) = (header.storedWidth, header.storedHeight)
        var pixels = [UInt8](repeating: 0, count: width * height * channels)
        // Given the header's own sides, the library decodes at full scale, and never more than fits.
        let format = isCMYK ? TJPF_CMYK : TJPF_RGB
        let result = tjDecompress2(
            decoder, bytes, UInt(bytes.count), &pixels, Int32(width), 0, Int32(height), Int32(format.rawValue),
            TJFLAG_STOPONWARNING)
        guard result == 0 else {
            let reason = tjGetErrorStr2(decoder).map { String(cString: $0) } ?? "unknown error"
            throw ImagingError(.damaged, "the JPEG cannot be decoded: \(reason)")
        }
        if isCMYK { convertFromInvertedCMYK(&pixels) }
        return pixels
    }

    /// Turns CMYK into RGB in place. Pillow takes every four-component JPEG as Adobe writes them, inverted: what is
    /// stored is the light left by each ink. `v·k / 255`, in Pillow's order and rounding.
    private static func convertFromInvertedCMYK(_ pixels: inout [UInt8]) {
        let count = pixels.count / 4
        pixels.withUnsafeMutableBufferPointer { pixels in
            // The write position (3 bytes a pixel) never passes the read position (4 bytes a pixel).
            for position in 0..<count {
                let light = Int(pixels[position * 4 + 3])
                for channel in 0..<3 {
                    let ink = 255 - Int(pixels[position * 4 + channel])
                    let product = ink * light + 128
                    let taken = ((product >> 8) + product) >> 8
                    pixels[position * 3 + channel] = UInt8(max(0, light - taken))
                }
            }
        }
        pixels.removeLast(count)
    }
}
