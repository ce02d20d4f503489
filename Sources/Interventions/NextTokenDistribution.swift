import Foundation
package import Models
import Numerics

/// The distribution over the next token, over text tokens only where the model masks the others.
///
/// Of the probabilities those that are asked for are computed: a decoding step asks for one.
package struct NextTokenDistribution: Sendable {
    /// One logit a vocabulary entry; masked ones are −3.4028235e38.
    package let logits: [Float]
    /// The likeliest token; ties by the smaller id, as `argmax`.
    package let argmax: Int
    private let peak: Float
    /// Of the exponentials of all logits above the peak's.
    private let total: Double

    package init(logits: [Float]) {
        self.logits = logits
        (argmax, peak) = Logits.largest(logits) ?? (0, 0)
        total = Logits.exponentialSum(logits, peak: peak)
    }

    /// One probability a vocabulary entry; masked ones are 0.
    package var probabilities: [Double] {
        var weights = Logits.exponentials(logits, peak: peak).weights
        for index in weights.indices { weights[index] /= total }
        return weights
    }

    /// P(token).
    package func probability(of id: Int) -> Double {
        logits[id] <= -Float.greatestFiniteMagnitude ? 0 : exp(Double(logits[id]) - Double(peak)) / total
    }

    /// The `count` likeliest tokens, the likeliest first; ties by the smaller id.
    package func top(_ count: Int) -> [(id: Int, probability: Double)] {
        first(count).map { ($0, probability(of: $0)) }
    }

    /// The ids of the `count` largest logits, the largest first; ties by the smaller id.
    private func first(_ count: Int) -> [Int] {
        guard count > 0 else { return [] }
        var best: [Int] = []
        var least = -Float.infinity
        for (id, logit) in logits.enumerated() {
            if best.count == count, logit <= least { continue }
            best.insert(id, at: best.firstIndex { logit > logits[$0] } ?? best.endIndex)
            if best.count > count { best.removeLast() }
            least = best.last.map { logits[$0] } ?? -.infinity
        }
        return best
    }

    /// ln P(token).
    package func logProbability(of id: Int) -> Double {
        logits[id] <= -Float.greatestFiniteMagnitude ? -.infinity : Double(logits[id]) - Double(peak) - log(total)
    }

    /// The token on which a number from 0 up to, but not, 1 falls among those that stay likely at a temperature, in proportion and
    /// in the order of their ids: the smallest set of the likeliest tokens, ties by the smaller id, that holds `topP` of the probability.
    package func draw(_ uniform: Double, temperature: Double, topP: Double) -> Int {
        let divisor = Float(temperature)
        let scaled = logits.map { $0 <= -Float.greatestFiniteMagnitude ? $0 : $0 / divisor }
        var (weights, mass) = Logits.exponentials(scaled, peak: scaled.isEmpty ? 0 : scaled[argmax])
        if topP < 1 { mass = Self.keepLikeliest(&weights, sum: mass, topP: topP) }
        var rest = uniform * mass
        var last = argmax
        for (id, weight) in weights.enumerated() where weight > 0 {
            rest -= weight
            if rest < 0 { return id }
            last = id
        }
        // Rounding may leave a little of the last one.
        return last
    }

    /// Sets the weights outside the smallest set of the largest ones that holds `topP` of their sum to 0.
    ///
    /// - Returns: what is left of the sum.
    private static func keepLikeliest(_ weights: inout [Double], sum: Double, topP: Double) -> Double {
        // Tokens of less weight than this hold less than 1 - topP all together, so that none of them is needed.
        let floor = (1 - topP) * sum / Double(max(1, weights.count))
        let order = weights.indices.filter { weights[$0] > 0 && weights[$0] >= floor }
            .sorted { (weights[$0], $1) > (weights[$1], $0) }
        var kept = [Double](repeating: 0, count: weights.count)
        var mass = 0.0
        for id in order {
            kept[id] = weights[id]
            mass += weights[id]
            if mass >= topP * sum { break }
        }
        weights = kept
        return mass
    }

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
        let pair = first(2)
        guard pair.count == 2 else { return false }
        var scale: Float = 0
        for logit in logits where logit > -Float.greatestFiniteMagnitude { scale = max(scale, abs(logit)) }
        return logits[pair[0]] - logits[pair[1]] < relativeError * scale
    }

    /// Whether the error of a number format could have decided the first place.
    package func isNearTie(in format: NumberFormat) -> Bool { isNearTie(relativeError: 2 * format.logitError) }
}
