import Interventions
import Models
import StrictJSON

/// The caption of one group: its picture encoded and its prompt read, and then decoded with others or alone.
///
/// The prompt is read over its clean run, found or made, where that is less work than reading it from its first token;
/// the request alone decides (``SweepVariant/sharesCleanRun(_:measuring:tokens:layers:)``). So a caption has the same bits
/// whatever was asked before and whoever is decoded beside it.
struct CaptionRun {
    private let group: GroupRun
    private let specification: CaptionSpecification

    init(_ group: GroupRun, _ specification: CaptionSpecification) {
        self.group = group
        self.specification = specification
    }

    private var context: PromptContext { group.plan.contexts[group.group] }

    /// What the caption holds while it is decoded.
    var memory: DecodingMemory {
        let position = group.plan.model.keyValueBytes
        return DecodingMemory(
            prefix: [group.plan.model.name, context.image, context.text].joined(separator: "\n"),
            prefixBytes: context.layout.tokens * position,
            ownBytes: specification.generation.maximumTokens * position)
    }

    /// Encodes, reads, and chooses the first token.
    ///
    /// - Parameter onToken: told of each token as it is chosen.
    func begin(
        _ run: ModelRun, onToken: @escaping (GeneratedToken) -> Void = { _ in }
    ) throws -> Decoding<CaptionResult> {
        let start = ContinuousClock.now
        let (plan, context) = (group.plan, context)
        let prompt = try group.prompt(context, run: run)
        let prepared = try plan.interventions(at: .caption, in: context)
        let sources = try group.sources(for: [prepared], run: run)
        let variant = SweepVariant(
            prompt, interventions: prepared.resolved, sourceStates: sources.states(for: prepared),
            measuring: try plan.measurements(at: .caption, in: context))
        let sweep = Sweep(run, cleanRuns: group.caches.cleanRuns)
        // From [EOI] on, as most variants of this prompt will ask.
        let keptFrom = prompt.layout.images.last?.eoi ?? prompt.layout.tokens
        let reading =
            try group.reuse == .on ? sweep.reading(variant, keptFrom: keptFrom) : run.reading(variant)
        let reused = prompt.layout.tokens - reading.outcome.rowsComputed
        let measured = try group.measured(reading.outcome, at: 0)
        var effect: Double?
        if specification.receipt == .full, specification.interventions != nil {
            let clean = try sweep.cleanNextToken(of: prompt, keptFrom: keptFrom)
            effect = clean.totalVariation(to: reading.outcome.nextToken)
        }
        let sequence = DecodingSequence(after: reading, specification.generation, on: plan.model, onToken: onToken)
        let (group, specification) = (group, specification)
        return Decoding(sequence, after: run) { [effect] outcome in
            guard let generation = outcome.generation else { throw CellFailure("no caption was generated") }
            group.caches.work.count(
                .caption, prompt: prompt.layout.tokens, generated: generation.tokens.count, reused: reused)
            var receipt: Receipt?
            if specification.receipt != .none, specification.interventions != nil {
                receipt = outcome.receipt
                receipt?.effect = effect
            }
            return CaptionResult(
                model: plan.model.name, image: context.image,
                prompt: Self.promptJSON(specification.inputs[group.group].prompt, context),
                promptTokens: prompt.layout.tokens, generation: generation, receipt: receipt, measured: measured,
                seconds: group.seconds(since: start))
        }
    }

    private static func promptJSON(_ request: PromptRequest?, _ context: PromptContext) -> JSONValue {
        var object = JSONObject([("preset", .null)])
        for (name, value) in request?.json.objectValue?.members ?? JSONObject().members { object[name] = value }
        object["text"] = .string(context.text)
        object["tokens"] = .integer(context.layout.tokens)
        object["roles"] = context.layout.rolesJSON
        return .object(object)
    }
}
