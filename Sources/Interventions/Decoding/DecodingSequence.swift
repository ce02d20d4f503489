package import Models
import Numerics

/// One continuation on its way, in a batch that others join and leave.
///
/// It has chosen a token that has not been read yet, or it has ended. Used on the engine's thread only.
package final class DecodingSequence {
    private var continuation: Continuation
    private let read: RunOutcome
    private let hooks: RunHooks
    private var cache: KVCache
    /// The token that was chosen last, while it waits to be read.
    private var unread: Int?
    private let options: GenerationOptions
    private let onToken: (GeneratedToken) -> Void

    /// Chooses the first token.
    ///
    /// - Parameter onToken: told of each token as it is chosen.
    package init(
        after reading: PromptReading, _ options: GenerationOptions, on model: VisionLanguageModel,
        onToken: @escaping (GeneratedToken) -> Void = { _ in }
    ) {
        continuation = Continuation(options, on: model)
        read = reading.outcome
        hooks = reading.hooks
        cache = reading.cache
        self.options = options
        self.onToken = onToken
        choose(after: reading.outcome.nextToken)
    }

    package var hasEnded: Bool { unread == nil }

    /// What the run has given so far, its receipt included.
    package var outcome: RunOutcome {
        RunOutcome(
            nextToken: read.nextToken, generation: continuation.generation, receipt: hooks.receipt,
            measurements: read.measurements, rowsComputed: read.rowsComputed + continuation.tokens.count)
    }

    /// The row of the token that waits; `nil` for a sequence that has ended. Ends with ``put(back:)``.
    fileprivate func takeRow(_ decoder: Decoder) -> SequenceRows? {
        guard let unread else { return nil }
        // The row holds the only reference meanwhile, so that its cache grows in place.
        defer { cache = KVCache(configuration: decoder.configuration) }
        return SequenceRows(decoder.embed([unread]), after: cache, hooks: hooks)
    }

    fileprivate func put(back row: SequenceRows) { cache = row.cache }

    fileprivate func reportLength(to run: ModelRun) {
        guard !options.ignoresStopTokens else { return }
        let generation = continuation.generation
        run.report(text: generation.tokens.count, isWhole: generation.finishReason == .stop)
    }

    fileprivate func choose(after distribution: NextTokenDistribution) {
        unread = nil
        guard !continuation.hasEnded, let token = continuation.append(after: distribution, length: cache.count) else {
            return
        }
        onToken(token)
        if !continuation.hasEnded { unread = token.token.id }
    }
}

extension ModelRun {
    /// One step of some sequences: the token that each of them chose last is read, in one pass over the weights, and each
    /// chooses its next one. Those that have ended are left out.
    ///
    /// A sequence's tokens do not depend on which others there are: products are made in tiles, attention is its own.
    ///
    /// - throws: what `boundary` throws, and `ModelError` beyond the model's positions. All sequences are then as they were.
    package func step(_ sequences: [DecodingSequence]) throws {
        let decoder = model.decoder
        var live: [DecodingSequence] = []
        var rows: [SequenceRows] = []
        for sequence in sequences {
            guard let row = sequence.takeRow(decoder) else { continue }
            live.append(sequence)
            rows.append(row)
        }
        guard !live.isEmpty else { return }
        let pass = Result {
            try timed(.pass(rows: rows.count)) {
                distributions(of: try decoder.forward(&rows, reading: .last, boundary: boundary))
            }
        }
        while let row = rows.popLast() { live[rows.count].put(back: row) }
        for (sequence, distribution) in zip(live, try pass.get()) {
            sequence.choose(after: distribution)
            if sequence.hasEnded { sequence.reportLength(to: self) }
        }
    }

    /// Steps until all sequences have ended.
    package func finish(_ sequences: [DecodingSequence]) throws {
        while sequences.contains(where: { !$0.hasEnded }) { try step(sequences) }
    }
}
