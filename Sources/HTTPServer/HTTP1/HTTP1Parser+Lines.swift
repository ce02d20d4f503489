extension HTTP1Parser {
    private enum Scan {
        case complete(end: Int)
        case incomplete(scanned: Int)
        case refused(Refusal)
    }

    /// The next line without its CRLF, as a range of `buffer`; `nil` until it is complete.
    ///
    /// - Parameters:
    ///   - limit: the longest line allowed, in bytes.
    ///   - wrong: the reason given for a byte that may not stand in such a line.
    ///   - tooLong: the reason given for a line over `limit`.
    mutating func line(_ limit: Int, _ wrong: Refusal.Reason, _ tooLong: Refusal.Reason) throws(Refusal) -> Range<Int>?
    {
        let start = at
        let from = scanned
        let scan = buffer.withUnsafeBufferPointer { bytes in
            Self.scan(bytes, line: start, from: from, limit: limit, wrong, tooLong)
        }
        switch scan {
        case .complete(let end):
            at = end + 2
            scanned = at
            return start..<end
        case .incomplete(let reached):
            scanned = reached
            return nil
        case .refused(let refusal):
            throw refusal
        }
    }

    private static func scan(
        _ bytes: UnsafeBufferPointer<UInt8>, line start: Int, from: Int, limit: Int, _ wrong: Refusal.Reason,
        _ tooLong: Refusal.Reason
    ) -> Scan {
        let onlyASCII = wrong != .badHeader
        var index = from
        while index < bytes.count {
            let byte = bytes[index]
            if byte == 0x0D {
                guard index + 1 < bytes.count else { return .incomplete(scanned: index) }
                guard bytes[index + 1] == 0x0A else {
                    return .refused(Refusal(wrong, "a line must end with CR LF; there is a CR without LF"))
                }
                return .complete(end: index)
            }
            if byte < 0x20, byte != 0x09 || onlyASCII {
                let problem =
                    byte == 0x0A
                    ? "a line must end with CR LF; there is an LF without CR"
                    : "there is a control character (byte \(byte))"
                return .refused(Refusal(wrong, problem))
            }
            if byte == 0x7F || (onlyASCII && byte >= 0x80) {
                return .refused(Refusal(wrong, "there is a character that is not allowed (byte \(byte))"))
            }
            guard index - start < limit else {
                return .refused(Refusal(tooLong, Self.tooLongSentence(tooLong, limit)))
            }
            index += 1
        }
        return .incomplete(scanned: index)
    }

    private static func tooLongSentence(_ reason: Refusal.Reason, _ limit: Int) -> String {
        switch reason {
        case .targetTooLong: "the request line is longer than \(limit) bytes"
        case .headersTooLarge: "the header fields are larger than this server accepts"
        default: limit == 0 ? "a chunk must be followed by CR LF" : "a chunk size line is too long"
        }
    }
}
