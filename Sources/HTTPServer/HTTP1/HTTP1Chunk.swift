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
        try checkExtensions(rest)
        return (value, rest.count)
    }

    /// Reads `*( ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] BWS )` (RFC 9112 §7.1.1) and ignores what it says.
    ///
    /// A quote left open would let another reader take the end of the line, and what follows it, for a part of the value.
    private static func checkExtensions(_ bytes: ArraySlice<UInt8>) throws(Refusal) {
        var rest = bytes
        func skipBlanks() {
            while let first = rest.first, first == 0x20 || first == 0x09 { rest.removeFirst() }
        }
        func skipToken() -> Bool {
            let count = rest.prefix(while: isTokenByte).count
            rest = rest.dropFirst(count)
            return count > 0
        }
        while !rest.isEmpty {
            guard rest.first == UInt8(ascii: ";") else {
                throw Refusal(.badChunk, "chunk extensions must be separated by semicolons")
            }
            rest.removeFirst()
            skipBlanks()
            guard skipToken() else { throw Refusal(.badChunk, "a chunk extension has no name") }
            skipBlanks()
            guard rest.first == UInt8(ascii: "=") else { continue }
            rest.removeFirst()
            skipBlanks()
            guard skipToken() || skipQuoted(&rest) else {
                throw Refusal(.badChunk, "the value of a chunk extension must be a token or a string in quotes")
            }
            skipBlanks()
        }
    }

    /// Takes a quoted string off the front (RFC 9110 §5.6.4); controls have been refused with the line.
    private static func skipQuoted(_ rest: inout ArraySlice<UInt8>) -> Bool {
        guard rest.first == UInt8(ascii: "\"") else { return false }
        var at = rest.startIndex + 1
        while at < rest.endIndex {
            if rest[at] == UInt8(ascii: "\"") {
                rest = rest[(at + 1)...]
                return true
            }
            at += rest[at] == UInt8(ascii: "\\") ? 2 : 1
        }
        return false
    }
}
