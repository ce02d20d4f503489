/// The marker segments of a JPEG file (ITU-T T.81, annex B): sides, components, orientation, number of scans.
enum JPEGHeader {
    static func read(_ bytes: [UInt8]) throws(ImagingError) -> ImageHeader {
        var frame: JPEGFrame?
        var orientation: Orientation?
        var scans = 0
        var isPartial = false
        var at = 2
        while let (marker, segment, next) = segment(in: bytes, from: at) {
            at = next
            switch marker {
            case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
                guard frame == nil else { throw ImagingError(.damaged, "the JPEG has two frame headers") }
                frame = try JPEGFrame(segment, isProgressive: marker & 2 != 0)
            case 0xE1:
                if orientation == nil, segment.starts(with: EXIF.prefix) {
                    orientation = EXIF.orientation(in: segment.dropFirst(EXIF.prefix.count))
                }
            case 0xDA:
                scans += 1
                // The first byte says of how many components the scan is.
                if let frame, Int(segment.first ?? 0) < frame.components { isPartial = true }
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
            components: frame.components, scans: scans,
            coefficientBytes: frame.isProgressive || isPartial || scans > 1 ? frame.coefficientBytes : 0)
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

/// What a frame header says: precision, height, width, number of components, and of each its name, sampling factors and
/// table.
private struct JPEGFrame {
    let width: Int
    let height: Int
    let components: Int
    let isProgressive: Bool
    /// Horizontal and vertical sampling factors of the components.
    private let sampling: [(across: Int, down: Int)]

    init(_ segment: ArraySlice<UInt8>, isProgressive: Bool) throws(ImagingError) {
        let bytes = Array(segment)
        guard bytes.count >= 6, bytes.count >= 6 + 3 * Int(bytes[5]) else {
            throw ImagingError(.damaged, "the JPEG's frame header is cut off")
        }
        height = Int(bytes[1]) << 8 | Int(bytes[2])
        width = Int(bytes[3]) << 8 | Int(bytes[4])
        components = Int(bytes[5])
        self.isProgressive = isProgressive
        sampling = (0..<components).map { index in
            let factors = bytes[6 + 3 * index + 1]
            return (Int(factors >> 4), Int(factors & 15))
        }
        guard sampling.allSatisfy({ (1...4).contains($0.across) && (1...4).contains($0.down) }) else {
            throw ImagingError(.damaged, "the JPEG's sampling factors are not 1 to 4")
        }
    }

    /// The size of all coefficients, two bytes each, in whole blocks and groups of blocks.
    var coefficientBytes: Int {
        let across = 8 * (sampling.map(\.across).max() ?? 1)
        let down = 8 * (sampling.map(\.down).max() ?? 1)
        let groups = ((width + across - 1) / across) * ((height + down - 1) / down)
        return groups * sampling.reduce(0) { $0 + $1.across * $1.down } * 128
    }
}
