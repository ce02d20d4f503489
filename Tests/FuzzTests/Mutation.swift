import Numerics

/// Changes inputs, always in the same ways for the same seed.
struct Mutation {
    private var generator: SplitMix64
    /// Numbers at which readers tend to err, as texts and as bytes.
    private static let interesting: [[UInt8]] =
        ["0", "-1", "9223372036854775807", "9223372036854775808", "1e309", "[[[[[[[[", "\r\n", "\"", "\\ud800", "..."]
        .map { Array($0.utf8) } + [[0], [0xFF], [0x7F, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0]]

    init(seed: UInt64) { generator = SplitMix64(state: seed) }

    /// `input` after one to three changes, among them pieces of `other`.
    mutating func changed(_ input: [UInt8], with other: [UInt8]) -> [UInt8] {
        var bytes = input
        for _ in 0..<Int.random(in: 1...3, using: &generator) { change(&bytes, with: other) }
        return bytes
    }

    private mutating func change(_ bytes: inout [UInt8], with other: [UInt8]) {
        let range = range(of: bytes)
        switch Int.random(in: 0..<6, using: &generator) {
        case 0 where !range.isEmpty: bytes[range.lowerBound] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1 where !range.isEmpty: bytes[range.lowerBound] = UInt8.random(in: 0...255, using: &generator)
        case 2: bytes.removeSubrange(range)
        case 3: bytes.insert(contentsOf: bytes[range], at: range.lowerBound)
        case 4: bytes.replaceSubrange(range, with: other[self.range(of: other)])
        default:
            let piece = Self.interesting[Int.random(in: 0..<Self.interesting.count, using: &generator)]
            let end = Bool.random(using: &generator) ? range.lowerBound : range.upperBound
            bytes.replaceSubrange(range.lowerBound..<end, with: piece)
        }
    }

    /// Some of `bytes`, mostly little.
    private mutating func range(of bytes: [UInt8]) -> Range<Int> {
        let start = Int.random(in: 0...bytes.count, using: &generator)
        let longest = min(bytes.count - start, Bool.random(using: &generator) ? 8 : 200)
        return start..<start + Int.random(in: 0...longest, using: &generator)
    }
}
