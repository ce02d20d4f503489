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

/// Vigna's SplitMix64: a seeded stream of 64-bit numbers, the same on every machine.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(state: UInt64) { self.state = state }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
