import CCrypto
import Foundation

/// SHA-256 (FIPS 180-4) by the system's libcrypto, fed piece by piece.
package struct SHA256 {
    private let context: Context

    /// Owns libcrypto's state. Copies of a `SHA256` share it, so a value is used in one place only.
    private final class Context {
        let state: OpaquePointer

        init() {
            // libcrypto fails here only when memory or its own configuration is broken: nothing can go on then.
            guard let state = EVP_MD_CTX_new(), EVP_DigestInit_ex(state, EVP_sha256(), nil) == 1 else {
                fatalError("libcrypto offers no SHA-256")
            }
            self.state = state
        }

        deinit { EVP_MD_CTX_free(state) }
    }

    package init() { context = Context() }

    /// Adds bytes to the message.
    package func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        // Fails only on a finished context, which `finish` consumes.
        precondition(EVP_DigestUpdate(context.state, base, bytes.count) == 1)
    }

    /// Adds bytes to the message.
    package func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// The digest, 32 bytes, as 64 lower-case hexadecimal digits. Nothing may be added afterwards.
    package consuming func finish() -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        precondition(EVP_DigestFinal_ex(context.state, &digest, nil) == 1)
        return Self.hexadecimal(digest)
    }

    /// The digest of `bytes`, as 64 lower-case hexadecimal digits.
    package static func digest(of bytes: [UInt8]) -> String {
        let hash = SHA256()
        hash.update(bytes)
        return hash.finish()
    }

    /// The digest of the file at `path`, read in pieces of 1 MiB.
    ///
    /// - throws: ``CheckpointError`` where it cannot be opened or read.
    package static func digest(ofFile path: String) throws -> String {
        let handle: FileHandle
        do {
            handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        } catch {
            throw CheckpointError(file: path, "cannot be opened")
        }
        defer { try? handle.close() }
        let hash = SHA256()
        do {
            while let piece = try handle.read(upToCount: 1 << 20), !piece.isEmpty {
                piece.withUnsafeBytes { hash.update($0) }
            }
        } catch {
            throw CheckpointError(file: path, "cannot be read")
        }
        return hash.finish()
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
