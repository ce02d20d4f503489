/// A string as a dictionary key, equal byte for byte.
///
/// Swift's `String` compares by canonical equivalence: "é" in one scalar and in two would be one vocabulary entry.
struct ByteKey: Hashable, Sendable {
    let bytes: [UInt8]

    init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
    init(_ text: String) { bytes = Array(text.utf8) }

    func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}
