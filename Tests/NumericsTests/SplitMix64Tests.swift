import Numerics
import Testing

@Suite("SplitMix64") struct SplitMix64Tests {
    @Test("the stream is Vigna's")
    func stream() {
        // The first numbers of his C code for the state 1234567.
        var random = SplitMix64(state: 1_234_567)
        let first = (0..<5).map { _ in random.next() }
        #expect(
            first == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    @Test("uniform, whole and normal numbers have the moments of their kind")
    func moments() {
        var random = SplitMix64(state: 3)
        let count = 40_000
        let uniform = (0..<count).map { _ in random.uniform(in: -1...3) }
        #expect(uniform.allSatisfy { (-1...3).contains($0) })
        #expect(abs(uniform.reduce(0, +) / Double(count) - 1) < 0.03)
        let dice = (0..<count).map { _ in random.integer(below: 6) }
        for face in 0..<6 { #expect(abs(dice.count { $0 == face } - count / 6) < 300) }
        let normal = (0..<count).map { _ in random.normal() }
        #expect(abs(normal.reduce(0, +) / Double(count)) < 0.02)
        #expect(abs(normal.map { $0 * $0 }.reduce(0, +) / Double(count) - 1) < 0.03)
        // 1.96 deviations hold 95 % of a normal distribution.
        #expect(abs(Double(normal.count { abs($0) < 1.96 }) / Double(count) - 0.95) < 0.005)
    }

    @Test("a permutation has each number once, and every first number alike")
    func permutation() {
        var random = SplitMix64(state: 4)
        var first = [0, 0, 0, 0]
        for _ in 0..<4000 {
            let permutation = random.permutation(4)
            #expect(permutation.sorted() == [0, 1, 2, 3])
            first[permutation[0]] += 1
        }
        #expect(first.allSatisfy { abs($0 - 1000) < 120 })
    }
}
