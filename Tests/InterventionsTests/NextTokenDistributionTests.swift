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
}
