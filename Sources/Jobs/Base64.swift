import Foundation

/// Base64 text in a `data:` URL (RFC 2397, RFC 4648 §4).
enum Base64 {
    /// The bytes, or `nil` if the text is not strictly base64; percent-encoded padding and signs are undone first.
    static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var bytes = [UInt8](text)
        if bytes.contains(UInt8(ascii: "%")) {
            guard let plain = String(decoding: bytes, as: UTF8.self).removingPercentEncoding else { return nil }
            bytes = Array(plain.utf8)
        }
        return Data(base64Encoded: Data(bytes)).map { [UInt8]($0) }
    }
}
