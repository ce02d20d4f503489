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

    /// A number from 0 up to, but not, 1: the upper 53 bits of one draw.
    package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A number of `range`, evenly.
    package mutating func uniform(in range: ClosedRange<Double>) -> Double {
        range.lowerBound + (range.upperBound - range.lowerBound) * uniform()
    }

    /// A whole number from 0 up to, but not, `bound`: the upper half of the product of one draw and `bound`.
    ///
    /// `Int.random(in:using:)` may change with the standard library; this may not.
    package mutating func integer(below bound: Int) -> Int {
        precondition(bound > 0, "there is nothing below \(bound)")
        return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// The numbers from 0 up to, but not, `count`, in random order (Fisher–Yates).
    package mutating func permutation(_ count: Int) -> [Int] {
        var numbers = Array(0..<count)
        for index in numbers.indices.dropLast() { numbers.swapAt(index, index + integer(below: count - index)) }
        return numbers
    }

    /// A number of nearly normal distribution, mean 0 and deviation 1: twelve 16-bit uniforms, centred.
    ///
    /// Sums are exact, so that every machine draws the same; the logarithm and cosine of the usual ways are not.
    package mutating func normal() -> Double {
        var sum: UInt64 = 0
        for _ in 0..<3 {
            let draw = next()
            sum += draw & 0xFFFF + draw >> 16 & 0xFFFF + draw >> 32 & 0xFFFF + draw >> 48
        }
        // Each part has its mean at 65535 / 2 and, nearly, the variance 65536² / 12.
        return (Double(sum) - 6 * 65535) / 65536
    }
}
