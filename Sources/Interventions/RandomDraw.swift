import Numerics

/// A reproducible choice of positions: the same seed, picture and variant always draw the same.
///
/// The three are hashed (FNV-1a) into the state of a SplitMix64 generator; a partial Fisher–Yates
/// shuffle takes the sample.
package struct RandomDraw: Sendable, Equatable {
    private let state: UInt64

    /// - Parameters:
    ///   - seed: the request's seed.
    ///   - image: the picture's digest.
    ///   - variant: the variant's name.
    package init(seed: Int, image: String, variant: String) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in "\(seed)\u{0}\(image)\u{0}\(variant)".utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        state = hash
    }

    /// `count` of `positions`, ascending.
    func sample(_ count: Int, of positions: [Int]) -> [Int] {
        var generator = SplitMix64(state: state)
        var pool = positions
        for index in 0..<count {
            pool.swapAt(index, Int.random(in: index..<pool.count, using: &generator))
        }
        return pool[..<count].sorted()
    }
}
