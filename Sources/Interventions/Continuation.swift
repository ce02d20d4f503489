import Models

/// One continuation as it grows: chooses tokens and knows when it has ended.
struct Continuation {
    private let options: GenerationOptions
    private let model: VisionLanguageModel
    private var sampler: Sampler
    private(set) var tokens: [GeneratedToken] = []
    private var reason = Generation.FinishReason.length
    private(set) var hasEnded = false
    /// The text before the stop that ended it.
    private var stoppedText: String?

    init(_ options: GenerationOptions, on model: VisionLanguageModel) {
        self.options = options
        self.model = model
        sampler = Sampler(options)
        hasEnded = options.maximumTokens == 0
    }

    /// Chooses the token that follows.
    ///
    /// - Parameters:
    ///   - distribution: after the last position.
    ///   - length: how many positions there are, the token's own not among them.
    /// - Returns: the token; `nil` where the model ends the sequence. Whether anything follows it, ``hasEnded`` says.
    mutating func append(after distribution: NextTokenDistribution, length: Int) -> GeneratedToken? {
        let id = sampler.next(distribution)
        if !options.ignoresStopTokens, model.stopTokenIDs.contains(id) {
            reason = .stop
            hasEnded = true
            return nil
        }
        let token = GeneratedToken(
            token: probability(of: id, in: distribution),
            top: distribution.top(options.topLogprobs).map { probability(of: $0.id, in: distribution) },
            isNearTie: distribution.isNearTie(in: model.numberFormat))
        tokens.append(token)
        if !options.stops.isEmpty, let before = text.prefix(beforeAny: options.stops) {
            (stoppedText, reason, hasEnded) = (before, .stop, true)
            return token
        }
        hasEnded = tokens.count >= options.maximumTokens || length >= model.decoder.configuration.maximumPositions
        return token
    }

    /// What was generated.
    var generation: Generation {
        Generation(tokens: tokens, finishReason: reason, text: (stoppedText ?? text).trimmingWhitespace)
    }

    private var text: String { model.text(of: tokens.map(\.token.id), skippingSpecialTokens: true) }

    private func probability(of id: Int, in distribution: NextTokenDistribution) -> TokenProbability {
        TokenProbability(id: id, text: model.text(of: [id]), logprob: distribution.logProbability(of: id))
    }
}

extension String {
    /// The text before the first place at which one of `stops` stands, compared byte by byte; `nil` where none does.
    fileprivate func prefix(beforeAny stops: [String]) -> String? {
        let bytes = Array(utf8)
        for start in bytes.indices {
            guard stops.contains(where: { bytes[start...].starts(with: $0.utf8) }) else { continue }
            return String(decoding: bytes[..<start], as: UTF8.self)
        }
        return nil
    }

    /// The text without white space at either end.
    fileprivate var trimmingWhitespace: String {
        guard let start = firstIndex(where: { !$0.isWhitespace }), let end = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[start...end])
    }
}
