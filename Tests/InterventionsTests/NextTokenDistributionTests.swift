import Foundation
import Interventions
import Testing

@Suite("Distributions over the next token")
struct NextTokenDistributionTests {
    private let masked = -Float.greatestFiniteMagnitude

    @Test("masked logits have probability 0 and the rest sums to 1")
    func masking() {
        let distribution = NextTokenDistribution(logits: [0, masked, Float(log(3.0))])
        #expect(distribution.probabilities[1] == 0)
        #expect(abs(distribution.probabilities[0] - 0.25) < 1e-7)
        #expect(abs(distribution.probabilities.reduce(0, +) - 1) < 1e-12)
    }

    @Test("similarity is the overlap, total variation its complement, and both are exact for equal runs")
    func overlap() {
        let first = NextTokenDistribution(logits: [0, 1, 2, masked])
        let second = NextTokenDistribution(logits: [2, 1, 0, masked])
        #expect(first.totalVariation(to: first) == 0)
        #expect(first.divergence(from: first) == 0)
        #expect(abs(first.similarity(to: second) + first.totalVariation(to: second) - 1) < 1e-12)
    }

    @Test("divergence is infinite where the other run rules out what this one allows")
    func divergence() {
        let wide = NextTokenDistribution(logits: [0, 0])
        let narrow = NextTokenDistribution(logits: [0, masked])
        #expect(wide.divergence(from: narrow) == .infinity)
        #expect(abs(narrow.divergence(from: wide) - log(2)) < 1e-12)
    }

    @Test("the likeliest tokens come first, ties by the smaller id")
    func top() {
        let distribution = NextTokenDistribution(logits: [1, 3, 3, 2])
        #expect(distribution.top(3).map(\.id) == [1, 2, 3])
        #expect(distribution.argmax == 1)
        #expect(distribution.isNearTie(relativeError: 2e-4))
        #expect(!NextTokenDistribution(logits: [1, 3, 2.9, 2]).isNearTie(relativeError: 2e-4))
    }

    @Test("probabilities of a large vocabulary are those of the library's exponential")
    func largeVocabulary() {
        let logits: [Float] = (0..<10_007).map { id in
            let spread = Float((id * 7919) % 10_007) / 300
            return spread - Float(id % 3) * 250
        }
        let distribution = NextTokenDistribution(logits: logits)
        let peak = Double(logits.max() ?? 0)
        let weights = logits.map { exp(Double($0) - peak) }
        let total = weights.reduce(0, +)
        for (probability, weight) in zip(distribution.probabilities, weights) {
            let expected: Double = weight / total
            let allowed: Double = 1e-14 * probability + 1e-300
            #expect(abs(probability - expected) <= allowed)
        }
        for id in [0, 5000, distribution.argmax] {
            #expect(abs(distribution.probability(of: id) - distribution.probabilities[id]) < 1e-15)
            #expect(abs(distribution.logProbability(of: id) - log(weights[id] / total)) < 1e-9)
        }
    }

    @Test("a draw falls on the smallest set that holds the probability, in proportion and in the order of ids")
    func drawing() {
        let distribution = NextTokenDistribution(logits: [1, 3, 3, 2, -Float.greatestFiniteMagnitude])
        func drawn(topP: Double, temperature: Double = 1) -> [Int: Int] {
            (0..<1000).reduce(into: [:]) { counts, number in
                let uniform = (Double(number) + 0.5) / 1000
                counts[distribution.draw(uniform, temperature: temperature, topP: topP), default: 0] += 1
            }
        }
        #expect(distribution.draw(0, temperature: 1, topP: 1) == 0)
        #expect(distribution.draw(1 - 1e-16, temperature: 1, topP: 1) == 3)
        let all = drawn(topP: 1)
        for id in 0..<4 { #expect(abs(Double(all[id] ?? 0) - 1000 * distribution.probability(of: id)) <= 1) }
        #expect(drawn(topP: 0.39) == [1: 1000] && drawn(topP: 1e-9) == [1: 1000])
        #expect(drawn(topP: 0.5) == [1: 500, 2: 500])
        #expect(Set(drawn(topP: 0.9).keys) == [1, 2, 3])
        #expect(drawn(topP: 1, temperature: 0.05) == [1: 500, 2: 500])
    }
}
