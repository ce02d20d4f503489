import CCrypto
import Foundation
import StrictJSON

/// What Tools/reference/make_imaging_goldens.py wrote.
enum Goldens {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Goldens")

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appendingPathComponent(name)))
    }

    static let document: JSONValue = (try? JSONParser.parse(bytes("goldens.json"))) ?? .null

    static func entries(_ name: String) -> [JSONValue] { document[name]?.arrayValue ?? [] }

    /// The SHA-256 of `bytes` in hexadecimal.
    static func digest(_ bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        EVP_Digest(bytes, bytes.count, &digest, &length, EVP_sha256(), nil)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
