private import CCrypto

/// Names of contents: `sha256:` and 64 hexadecimal digits.
package enum ContentDigest {
    /// The name of these bytes.
    ///
    /// - throws: ``StoreError/database(_:)`` if libcrypto has no SHA-256 to offer.
    package static func of(_ bytes: [UInt8]) throws(StoreError) -> String {
        try "sha256:" + hexadecimal(bytes)
    }

    /// Whether `text` is written as such a name is: lower case, whole.
    package static func isWellFormed(_ text: String) -> Bool {
        let digits = text.utf8.dropFirst(7)
        return text.hasPrefix("sha256:") && digits.count == 64
            && digits.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    static func hexadecimal(_ bytes: [UInt8]) throws(StoreError) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let digest = try Self.bytes(bytes)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// SHA-256 itself, 32 bytes.
    static func bytes(_ bytes: [UInt8]) throws(StoreError) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        // Both buffers outlive the call; EVP_sha256 writes exactly 32 bytes.
        guard EVP_Digest(bytes, bytes.count, &digest, &length, EVP_sha256(), nil) == 1, length == 32 else {
            throw .unusable("libcrypto could not compute SHA-256")
        }
        return digest
    }
}
