private import CCrypto

/// A key as its owner has it: `ng_1f2e3d4c_` and 64 hexadecimal digits.
///
/// The first part is its id, which logs and lists show. The second is 256 random bits, known to the owner alone.
package struct KeyText: Sendable, Equatable {
    package let id: String
    package let text: String

    /// A new one.
    package init() {
        // The system's generator is the kernel's, getrandom(2), fit for secrets.
        var generator = SystemRandomNumberGenerator()
        func digits(_ count: Int) -> String {
            var text = ""
            while text.count < count {
                let word = String(generator.next(), radix: 16)
                text += String(repeating: "0", count: 16 - word.count) + word
            }
            return String(text.prefix(count))
        }
        id = digits(8)
        text = "ng_\(id)_\(digits(64))"
    }

    /// Reads one; `nil` for what cannot be a key.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        func isHexadecimal(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }
        guard bytes.count == 76, text.hasPrefix("ng_"), bytes[11] == UInt8(ascii: "_"),
            bytes[3..<11].allSatisfy(isHexadecimal), bytes[12...].allSatisfy(isHexadecimal)
        else { return nil }
        id = String(decoding: bytes[3..<11], as: UTF8.self)
        self.text = text
    }

    /// What is stored in its place: SHA-256 of the whole text.
    ///
    /// - throws: ``StoreError/database(_:)`` if libcrypto has no SHA-256 to offer.
    package func hash() throws(StoreError) -> [UInt8] { try ContentDigest.bytes(Array(text.utf8)) }

    /// Whether two hashes are equal, in a time that does not depend on where they differ.
    package static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        // Both buffers are that long and outlive the call.
        left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }
}
