/// How the rows and columns of a picture are to be turned for viewing: EXIF tag 0x0112.
package enum Orientation: Int, Sendable, Equatable {
    case upright = 1
    case mirrored = 2
    case upsideDown = 3
    case mirroredUpsideDown = 4
    case transposed = 5
    case turnedRight = 6
    case transverse = 7
    case turnedLeft = 8

    /// Whether rows become columns.
    var swapsSides: Bool { rawValue >= 5 }

    /// Where the pixel seen at (x, y) is stored in a picture of the given stored sides.
    func stored(x: Int, y: Int, width: Int, height: Int) -> (x: Int, y: Int) {
        switch self {
        case .upright: (x, y)
        case .mirrored: (width - 1 - x, y)
        case .upsideDown: (width - 1 - x, height - 1 - y)
        case .mirroredUpsideDown: (x, height - 1 - y)
        case .transposed: (y, x)
        case .turnedRight: (y, height - 1 - x)
        case .transverse: (width - 1 - y, height - 1 - x)
        case .turnedLeft: (width - 1 - y, x)
        }
    }
}

/// The little of EXIF (CIPA DC-008, TIFF 6.0 §2) that a decoder needs. Every offset is checked; what is damaged counts
/// as absent, as a picture is worth more than its metadata.
enum EXIF {
    /// What a JPEG APP1 segment begins with before the TIFF structure.
    static let prefix: [UInt8] = Array("Exif".utf8) + [0, 0]

    /// The orientation in the first directory of a TIFF structure.
    static func orientation(in tiff: ArraySlice<UInt8>) -> Orientation? {
        let bytes = Array(tiff)
        guard bytes.count >= 8 else { return nil }
        let littleEndian: Bool
        switch (bytes[0], bytes[1]) {
        case (0x49, 0x49): littleEndian = true
        case (0x4D, 0x4D): littleEndian = false
        default: return nil
        }
        func number(at start: Int, bytes length: Int) -> Int? {
            guard start >= 0, start <= bytes.count - length else { return nil }
            let field = bytes[start..<start + length]
            return (littleEndian ? Array(field.reversed()) : Array(field)).reduce(0) { $0 << 8 | Int($1) }
        }
        guard number(at: 2, bytes: 2) == 42, let directory = number(at: 4, bytes: 4),
            let count = number(at: directory, bytes: 2)
        else { return nil }
        for index in 0..<count {
            let entry = directory + 2 + 12 * index
            guard let tag = number(at: entry, bytes: 2) else { return nil }
            // Tag, type (3: 16 bits), count, value.
            guard tag == 0x0112 else { continue }
            guard number(at: entry + 2, bytes: 2) == 3, let value = number(at: entry + 8, bytes: 2) else { return nil }
            return Orientation(rawValue: value)
        }
        return nil
    }
}
