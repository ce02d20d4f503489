/// GPT-2's stand-ins for bytes: every byte is written as one printable scalar, so that a vocabulary of byte strings
/// can be a JSON object. Printable Latin-1 stands for itself; the other 68 bytes become U+0100 and on, in order.
enum ByteAlphabet {
    /// The UTF-8 form of the scalar that stands for each byte.
    static let encoded: [[UInt8]] = scalars.map { Array(String(Character($0)).utf8) }

    private static let scalars: [Unicode.Scalar] = {
        var next: UInt8 = 0
        return (UInt8.min...UInt8.max).map { byte in
            switch byte {
            case 33...126, 161...172, 174...255: return Unicode.Scalar(byte)
            default:
                defer { next += 1 }
                return Unicode.Scalar(UInt16(256) + UInt16(next)) ?? "\u{FFFD}"
            }
        }
    }()

    private static let decoded: [Unicode.Scalar: UInt8] = Dictionary(
        uniqueKeysWithValues: zip(scalars, UInt8.min...UInt8.max))

    /// The stand-ins for `bytes`, as UTF-8.
    static func encode(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes { text.append(contentsOf: encoded[Int(byte)]) }
        return text[...]
    }

    /// The bytes that `text` stands for; its own UTF-8 where some scalar of it stands for no byte.
    static func decode(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            guard let byte = decoded[scalar] else { return Array(text.utf8) }
            bytes.append(byte)
        }
        return bytes
    }
}
