/// The marker segments of a JPEG file (ITU-T T.81, annex B): sides, components, orientation, number of scans.
enum JPEGHeader {
    static func read(_ bytes: [UInt8]) throws(ImagingError) -> ImageHeader {
        var frame: (width: Int, height: Int, components: Int)?
        var orientation: Orientation?
        var scans = 0
        var at = 2
        while let (marker, segment, next) = segment(in: bytes, from: at) {
            at = next
            switch marker {
            case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
                // Precision, height, width, number of components.
                guard segment.count >= 6 else {
                    throw ImagingError(.damaged, "the JPEG's frame header is cut off")
                }
                guard frame == nil else { throw ImagingError(.damaged, "the JPEG has two frame headers") }
                let start = segment.startIndex
                let height = Int(segment[start + 1]) << 8 | Int(segment[start + 2])
                let width = Int(segment[start + 3]) << 8 | Int(segment[start + 4])
                frame = (width, height, Int(segment[start + 5]))
            case 0xE1:
                if orientation == nil, segment.starts(with: EXIF.prefix) {
                    orientation = EXIF.orientation(in: segment.dropFirst(EXIF.prefix.count))
                }
            case 0xDA: scans += 1
            default: break
            }
        }
        guard let frame else { throw ImagingError(.damaged, "the JPEG ends before its frame header") }
        guard scans > 0 else { throw ImagingError(.damaged, "the JPEG ends before its image data") }
        guard [1, 3, 4].contains(frame.components) else {
            throw ImagingError(.damaged, "the JPEG has \(frame.components) components; 1, 3 or 4 are accepted")
        }
        return ImageHeader(
            format: .jpeg, width: frame.width, height: frame.height, orientation: orientation ?? .upright,
            components: frame.components, scans: scans)
    }

    /// The next marker at or after `start`, with the segment that belongs to it; `nil` at the end of the image.
    ///
    /// Between segments there may be fill bytes and entropy-coded data, in which FF is followed by 00 or a restart
    /// marker.
    private static func segment(in bytes: [UInt8], from start: Int) -> (UInt8, ArraySlice<UInt8>, next: Int)? {
        var at = start
        while at + 1 < bytes.count {
            guard bytes[at] == 0xFF else {
                at += 1
                continue
            }
            let marker = bytes[at + 1]
            switch marker {
            case 0xFF: at += 1
            case 0x00, 0x01, 0xD0...0xD8: at += 2
            case 0xD9: return nil
            default:
                guard at + 3 < bytes.count else { return nil }
                let length = Int(bytes[at + 2]) << 8 | Int(bytes[at + 3])
                let end = at + 2 + max(2, length)
                guard end <= bytes.count else { return nil }
                return (marker, bytes[at + 4..<end], end)
            }
        }
        return nil
    }
}
