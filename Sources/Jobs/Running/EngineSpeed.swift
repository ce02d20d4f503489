import Interventions
import Models
import Synchronization

/// How fast this machine does each model's work: every run on the engine reports, and before the first one a short one is
/// measured.
final class EngineSpeed: WorkMeter {
    private let rates = Mutex<[String: WorkRates]>([:])

    func report(_ work: Work, on model: VisionLanguageModel, seconds: Double) {
        rates.withLock { $0[model.name, default: WorkRates()].add(work, seconds: seconds) }
    }

    /// The model's rates; what is not known yet is measured on the engine, ahead of queued work.
    ///
    /// - Parameter encodes: whether pictures are to be encoded.
    func rates(of model: VisionLanguageModel, encodes: Bool, engine: EngineThread) async throws -> WorkRates {
        @Sendable func known() -> WorkRates { rates.withLock { $0[model.name] ?? WorkRates() } }
        let before = known()
        guard before.reading == nil || before.passes.count < 2 || (encodes && before.encoding == nil) else {
            return before
        }
        try await engine.run(.interactive) { boundary in
            let run = ModelRun(model, meter: self) { try boundary.pass() }
            try SpeedProbe(run, rates: known).measure(encodes: encodes)
        }
        return known()
    }
}

/// Runs a model for a moment, so that it is known how fast it is.
private struct SpeedProbe {
    private let run: ModelRun
    private let rates: () -> WorkRates
    private var model: VisionLanguageModel { run.model }

    /// What one part of the probe may take, in seconds, where there is a choice.
    private static let patience = 0.5
    /// Tokens of a first prompt.
    private static let shortPrompt = 64
    private static let text = GenerationOptions(maximumTokens: 60)
    private static let steps = GenerationOptions(maximumTokens: 4, ignoresStopTokens: true)

    init(_ run: ModelRun, rates: @escaping () -> WorkRates) {
        self.run = run
        self.rates = rates
    }

    func measure(encodes: Bool) throws {
        if encodes, rates().encoding == nil {
            _ = try run.timed(.encoding) { try model.encodeTestPicture(0, boundary: run.boundary) }
        }
        let prompt = try model.prompt(model.presets.first?.text ?? model.placeholder, imageCount: 1)
        let short = Self.beginning(of: prompt)
        // Once for caches and for pages of the checkpoint that nobody has touched.
        _ = try ModelRun(model, boundary: run.boundary).reading(SweepVariant(short))
        var reading = try run.reading(SweepVariant(short))
        if let rate = rates().reading,
            rate * Double(prompt.layout.tokens * model.decoder.configuration.layers) < Self.patience
        {
            for _ in 0..<2 { reading = try run.reading(SweepVariant(prompt)) }
        }
        for rows in [1, 8, 64] where rows <= 8 || rates().pass(rows: 8) * 8 < Self.patience {
            try run.finish((0..<rows).map { _ in DecodingSequence(after: reading, Self.steps, on: model) })
        }
        if rates().textLength == nil, rates().pass(rows: 1) * Double(Self.text.maximumTokens) < Self.patience {
            try run.finish([DecodingSequence(after: reading, Self.text, on: model)])
        }
    }

    private static func beginning(of prompt: Prompt) -> Prompt {
        let ids = Array(prompt.embeddingIDs.prefix(shortPrompt))
        return Prompt(
            text: "", expandedText: "", inputIDs: ids, embeddingIDs: ids,
            layout: PromptLayout(tokens: ids.count, bos: nil, images: []))
    }
}
