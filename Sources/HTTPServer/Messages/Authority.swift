/// `host[:port]` of a `Host` field, an `:authority` or an `Origin` (RFC 3986 §3.2, no user information).
package struct Authority: Sendable, Hashable {
    /// Lower case, brackets around an IPv6 address kept, one dot at the end dropped.
    package let host: String
    package let port: UInt16?
    /// Whether the host is `localhost`, a name under it, `127.0.0.0/8` or `[::1]`.
    package let isLoopback: Bool

    /// Reads `text`; `nil` if it is no authority: empty, a bad port, characters no host has.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        var hostEnd = bytes.count
        if bytes.first == UInt8(ascii: "[") {
            guard let close = bytes.firstIndex(of: UInt8(ascii: "]")), close > 2,
                bytes[1..<close].allSatisfy({
                    hexadecimalDigit($0) != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
                })
            else { return nil }
            hostEnd = close + 1
        } else {
            hostEnd = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
            guard hostEnd > 0, bytes[..<hostEnd].allSatisfy(Self.isNameByte) else { return nil }
        }
        if hostEnd < bytes.count {
            let digits = bytes[(hostEnd + 1)...]
            guard bytes[hostEnd] == UInt8(ascii: ":"), digits.count <= 5,
                digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 })
            else { return nil }
            let number = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
            guard number <= 65535 else { return nil }
            port = digits.isEmpty ? nil : UInt16(number)
        } else {
            port = nil
        }
        if hostEnd > 1, bytes[hostEnd - 1] == UInt8(ascii: ".") { hostEnd -= 1 }
        host = String(decoding: bytes[..<hostEnd], as: UTF8.self).lowercased()
        isLoopback = Self.isLoopback(host)
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "[::1]" || host.hasSuffix(".localhost") { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { $0.count <= 3 && $0.utf8.allSatisfy { 0x30...0x39 ~= $0 } && UInt8($0) != nil }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
