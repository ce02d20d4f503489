import Models

/// The runs that identities compare: one prompt on two pictures, computed once where they are clean.
final class SelfTestRuns {
    static let baseImage = "base"
    static let otherImage = "other"

    let context: PromptContext
    private let modelRun: ModelRun
    private let basePrompt: Prompt
    private let otherPrompt: Prompt
    private let engine: SelfTest.Engine
    private var cleanRuns: [String: RunOutcome] = [:]
    private let cleanRunCache = CleanRunCache()

    init(
        modelRun: ModelRun, context: PromptContext, basePrompt: Prompt, otherPrompt: Prompt,
        engine: @escaping SelfTest.Engine
    ) {
        self.modelRun = modelRun
        self.context = context
        self.basePrompt = basePrompt
        self.otherPrompt = otherPrompt
        self.engine = engine
    }

    var model: VisionLanguageModel { modelRun.model }
    var shape: DecoderConfiguration { model.decoder.configuration }
    /// A layer in the middle.
    var middle: Int { shape.layers / 2 }

    /// The run without interventions on either picture.
    func clean(_ image: String = baseImage) throws -> RunOutcome {
        if let known = cleanRuns[image] { return known }
        let outcome = try run(InterventionSet(), on: image)
        cleanRuns[image] = outcome
        return outcome
    }

    /// A run on either picture; patches without a source take their states from `source`.
    func run(
        _ set: InterventionSet, on image: String = baseImage, source: String = otherImage,
        states: [String: StateTensor] = [:], generating tokens: Int? = nil,
        measuring measurements: Measurements = Measurements()
    ) throws -> RunOutcome {
        let preparation = InterventionPreparation(
            model: model, seed: 0, variant: "selftest", generates: tokens != nil,
            defaultSource: context.showing(source), states: states.mapValues(\.description))
        let context = context.showing(image)
        let prepared = try preparation.prepare(set, in: context, path: "")
        let sources = try SourceStates(for: [prepared], run: modelRun, states: states) { prompt($0.image) }
        return try engine(
            prompt(image), prepared.resolved, sources.states(for: prepared),
            tokens.map { GenerationOptions(maximumTokens: $0, topLogprobs: 5, ignoresStopTokens: true) },
            try preparation.prepare(measurements, in: context, path: ""))
    }

    /// Variants of the base picture's run as jobs compute them: over its clean run, together.
    func swept(_ sets: [InterventionSet]) throws -> [RunOutcome] {
        let preparation = InterventionPreparation(
            model: model, seed: 0, variant: "selftest", generates: false,
            defaultSource: context.showing(Self.otherImage))
        let prepared = try sets.map { set in try preparation.prepare(set, in: context, path: "") }
        let sources = try SourceStates(for: prepared, run: modelRun, cleanRuns: cleanRunCache) { prompt($0.image) }
        return try Sweep(modelRun, cleanRuns: cleanRunCache).outcomes(
            of: prepared.map {
                SweepVariant(basePrompt, interventions: $0.resolved, sourceStates: sources.states(for: $0))
            }, generation: nil)
    }

    /// The base picture's prompt with some tokens after it, read at once.
    func read(following tokens: [Int]) throws -> RunOutcome {
        let layout = basePrompt.layout
        let longer = Prompt(
            text: basePrompt.text, expandedText: basePrompt.expandedText, inputIDs: basePrompt.inputIDs + tokens,
            embeddingIDs: basePrompt.embeddingIDs + tokens,
            layout: PromptLayout(tokens: layout.tokens + tokens.count, bos: layout.bos, images: layout.images))
        return try engine(longer, .none, .none, nil, .none)
    }

    private func prompt(_ image: String) -> Prompt { image == Self.otherImage ? otherPrompt : basePrompt }

    /// The largest difference between the next-token logits of two runs, over the largest logit of the second.
    static func difference(_ first: RunOutcome, _ second: RunOutcome) -> Double {
        var (difference, largest) = (0.0, 0.0)
        for (a, b) in zip(first.nextToken.logits, second.nextToken.logits) {
            // Masked logits are the lowest finite number in both.
            if a == b, a == -Float.greatestFiniteMagnitude { continue }
            guard a.isFinite, b.isFinite else { return .infinity }
            difference = max(difference, abs(Double(a) - Double(b)))
            largest = max(largest, abs(Double(b)))
        }
        return largest > 0 ? difference / largest : difference
    }
}
