import Foundation
package import Models
import Numerics

/// The distribution over the next token, over text tokens only where the model masks the others.
package struct NextTokenDistribution: Sendable {
    /// One logit a vocabulary entry; masked ones are −3.4028235e38.
    package let logits: [Float]
    /// One probability a vocabulary entry; masked ones are 0.
    package let probabilities: [Double]

    package init(logits: [Float]) {
        self.logits = logits
        let peak = Double(logits.max() ?? 0)
        var weights = logits.map { $0 <= -Float.greatestFiniteMagnitude ? 0 : exp(Double($0) - peak) }
        let total = weights.reduce(0, +)
        for index in weights.indices { weights[index] /= total }
        probabilities = weights
    }

    /// The `count` likeliest tokens, the likeliest first; ties by the smaller id.
    package func top(_ count: Int) -> [(id: Int, probability: Double)] {
        guard count > 0 else { return [] }
        var best: [(id: Int, probability: Double)] = []
        for (id, probability) in probabilities.enumerated() {
            if best.count == count, let last = best.last, probability <= last.probability { continue }
            let at = best.firstIndex { probability > $0.probability } ?? best.count
            best.insert((id, probability), at: at)
            if best.count > count { best.removeLast() }
        }
        return best
    }

    /// The likeliest token; ties by the smaller id, as `argmax`.
    package var argmax: Int {
        var best = 0
        for id in logits.indices where logits[id] > logits[best] { best = id }
        return best
    }

    /// ln P(token).
    package func logProbability(of id: Int) -> Double { log(probabilities[id]) }

    /// Σ min(p, q) (paper-protocol §3.6, `similarity`): 1 for equal distributions, 0 for disjoint ones.
    ///
    /// Computed as 1 − ½ Σ |p − q|, which is the same for distributions and exactly 1 for equal ones.
    package func similarity(to other: NextTokenDistribution) -> Double {
        1 - totalVariation(to: other)
    }

    /// ½ Σ |p − q|: exactly 0 when nothing changed.
    package func totalVariation(to other: NextTokenDistribution) -> Double {
        min(1, 0.5 * zip(probabilities, other.probabilities).reduce(0) { $0 + abs($1.0 - $1.1) })
    }

    /// KL(self ‖ other) in nats; infinite where `other` rules out what `self` allows.
    package func divergence(from other: NextTokenDistribution) -> Double {
        max(
            0,
            zip(probabilities, other.probabilities).reduce(0) { sum, pair in
                pair.0 == 0 ? sum : sum + pair.0 * (log(pair.0) - log(pair.1))
            })
    }

    /// Whether rounding could have decided the first place: the top-2 margin is within `relativeError` of
    /// the largest unmasked logit.
    ///
    /// - Parameter relativeError: twice the error of one logit, of which two are compared.
    package func isNearTie(relativeError: Float) -> Bool {
        let pair = top(2)
        guard pair.count == 2 else { return false }
        let scale = logits.lazy.filter { $0 > -Float.greatestFiniteMagnitude }.map { abs($0) }.max() ?? 0
        return logits[pair[0].id] - logits[pair[1].id] < relativeError * scale
    }

    /// Whether the error of a number format could have decided the first place.
    package func isNearTie(in format: NumberFormat) -> Bool { isNearTie(relativeError: 2 * format.logitError) }
}
