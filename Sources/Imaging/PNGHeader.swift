/// The chunks of a PNG file (W3C PNG, third edition, §5 and §11) before and around its image data.
enum PNGHeader {
    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    static func read(_ bytes: [UInt8]) throws(ImagingError) -> ImageHeader {
        // Length 13, "IHDR", width, height, bit depth, colour type, …
        guard bytes.count >= 33, bytes[8..<16].elementsEqual([0, 0, 0, 13] + Array("IHDR".utf8)) else {
            throw ImagingError(.damaged, "the PNG ends early or does not begin with its header chunk")
        }
        let width = bytes.bigEndian32(at: 16)
        let height = bytes.bigEndian32(at: 20)
        let colourType = bytes[25]
        var hasTransparency = false
        var orientation = Orientation.upright
        var at = 33
        // Chunks: length, type, data, checksum. A chunk that claims more than there is ends the walk; libpng will
        // say so when decoding.
        while at + 12 <= bytes.count {
            let length = bytes.bigEndian32(at: at)
            guard length <= bytes.count - at - 12 else { break }
            let type = bytes[at + 4..<at + 8]
            let data = bytes[at + 8..<at + 8 + length]
            if type.elementsEqual("tRNS".utf8) { hasTransparency = true }
            if type.elementsEqual("eXIf".utf8) { orientation = EXIF.orientation(in: data) ?? .upright }
            if type.elementsEqual("IEND".utf8) { break }
            at += 12 + length
        }
        let hasAlpha = colourType & 4 != 0 || hasTransparency
        return ImageHeader(format: .png, width: width, height: height, orientation: orientation, hasAlpha: hasAlpha)
    }
}

extension Collection<UInt8> where Index == Int {
    /// The 32-bit number at `at`, most significant byte first; the caller has checked that it is there.
    func bigEndian32(at: Int) -> Int {
        Int(self[at]) << 24 | Int(self[at + 1]) << 16 | Int(self[at + 2]) << 8 | Int(self[at + 3])
    }
}
