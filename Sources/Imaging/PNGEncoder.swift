import CPNG

extension Picture {
    /// The picture as a PNG file: 8-bit RGB, sRGB.
    ///
    /// Reading it gives the same pixels back. Its bytes depend on the pixels and on the versions of libpng and zlib.
    ///
    /// - throws: ``ImagingError`` where libpng refuses, which it does only when memory runs out.
    package func png() throws(ImagingError) -> [UInt8] {
        let (width, height) = (UInt32(width), UInt32(height))
        var count = cpng_encoded_bound(width, height)
        var bytes = [UInt8](repeating: 0, count: count)
        var message = [CChar](repeating: 0, count: 200)
        guard cpng_encode(pixels, width, height, &bytes, &count, &message, message.count) == 0 else {
            let reason = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw ImagingError(.tooLarge, "the picture cannot be written as PNG: \(reason)")
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }
}
