/// The size line before a chunk (RFC 9112 §7.1).
enum HTTP1Chunk {
    /// Reads `1*HEXDIG [";" extensions]`; no sign, no prefix, no spaces, nothing that overflows.
    static func size(_ line: ArraySlice<UInt8>) throws(Refusal) -> (value: Int, extensionBytes: Int) {
        var value = 0
        var digits = 0
        for byte in line {
            guard let digit = hexadecimalDigit(byte) else { break }
            digits += 1
            guard digits <= 16, value <= Int.max >> 4 else { throw Refusal(.badChunk, "a chunk size is too large") }
            value = value << 4 | Int(digit)
        }
        guard digits > 0 else { throw Refusal(.badChunk, "a chunk size must be hexadecimal digits") }
        let rest = line.dropFirst(digits)
        guard rest.isEmpty || rest.first == UInt8(ascii: ";") else {
            throw Refusal(.badChunk, "a chunk size must be hexadecimal digits, followed by CR LF or a semicolon")
        }
        // `;` must be followed by a name; what the extension says is ignored.
        guard rest.isEmpty || rest.dropFirst().contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") })
        else { throw Refusal(.badChunk, "a chunk extension has no name") }
        return (value, rest.count)
    }
}
