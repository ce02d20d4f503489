import Foundation
import Numerics

/// How a continuation is chosen.
package struct GenerationOptions: Sendable, Equatable {
    /// At most this many tokens.
    package var maximumTokens: Int
    /// 0 is greedy; otherwise logits are divided by it before sampling.
    package var temperature: Double
    /// Samples from the smallest set of likeliest tokens that holds this much probability.
    package var topP: Double
    package var seed: Int
    /// How many alternatives to report for each token.
    package var topLogprobs: Int
    /// Texts that end the continuation where one of them first appears; it is not part of the text.
    package var stops: [String]
    /// Runs on through end-of-sequence tokens (traces do, to compare with the reference's fixed length).
    package var ignoresStopTokens: Bool

    package init(
        maximumTokens: Int, temperature: Double = 0, topP: Double = 1, seed: Int = 0, topLogprobs: Int = 0,
        stops: [String] = [], ignoresStopTokens: Bool = false
    ) {
        self.maximumTokens = maximumTokens
        self.temperature = temperature
        self.topP = topP
        self.seed = seed
        self.topLogprobs = topLogprobs
        self.stops = stops
        self.ignoresStopTokens = ignoresStopTokens
    }
}

/// A token with the probability that the model gave it, before temperature.
package struct TokenProbability: Sendable, Equatable {
    package let id: Int
    package let text: String
    /// Natural logarithm of the probability.
    package let logprob: Double

    package var probability: Double { exp(logprob) }
}

/// One generated token.
package struct GeneratedToken: Sendable, Equatable {
    package let token: TokenProbability
    /// The likeliest alternatives, the likeliest first.
    package let top: [TokenProbability]
    /// Whether the number format's error could have decided which token is the likeliest.
    package let isNearTie: Bool
}

/// A finished continuation.
package struct Generation: Sendable, Equatable {
    package enum FinishReason: String, Sendable {
        /// The model ended the sequence, or one of `stops` appeared.
        case stop
        /// `maximumTokens`, or the model's last position, was reached.
        case length
    }

    /// The tokens, without the one that ended the sequence; with those of a stop text that did.
    package let tokens: [GeneratedToken]
    package let finishReason: FinishReason
    /// The tokens' text without special tokens, up to a stop text, and without white space at either end.
    package let text: String
}

/// Chooses tokens from distributions.
///
/// A draw takes one number of ``SplitMix64`` seeded with `seed`: the same seed and the same distributions give the same
/// tokens on every machine. ``NextTokenDistribution/draw(_:temperature:topP:)`` says on which token it falls.
struct Sampler {
    private let options: GenerationOptions
    private var generator: SplitMix64

    init(_ options: GenerationOptions) {
        self.options = options
        generator = SplitMix64(state: UInt64(bitPattern: Int64(options.seed)))
    }

    /// The next token: the likeliest at temperature 0, else a draw.
    mutating func next(_ distribution: NextTokenDistribution) -> Int {
        guard options.temperature > 0 else { return distribution.argmax }
        return distribution.draw(
            generator.uniform(), temperature: options.temperature, topP: options.topP)
    }
}
