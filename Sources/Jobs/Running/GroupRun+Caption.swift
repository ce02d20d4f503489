import Interventions
import Models
import Store
import StrictJSON

extension GroupRun {
    /// The caption of one input.
    func captionCell(_ caption: CaptionSpecification, run: ModelRun) throws -> CellRecord {
        let result = try CaptionRun(self, caption).run(run, onToken: { _ in })
        return try captionCell(caption, result)
    }

    /// The recorded cell of a caption: its document is the caption itself.
    func captionCell(_ caption: CaptionSpecification, _ result: CaptionResult) throws -> CellRecord {
        var row = rowHead(0, status: .ok)
        row["input"] = .string(caption.inputs[group].id)
        for (name, value) in result.members.members { row[name] = value }
        row["error"] = .null
        row["provenance"] = provenance.json
        var measures = CellMeasures()
        measures.caption = result.generation.text
        measures.effect = result.receipt?.effect
        return CellRecord(
            job: job, ordinal: ordinal(0), group: group, kind: "caption", model: plan.model.name, status: .ok,
            input: caption.inputs[group].id, image: caption.inputs[group].image, measures: measures,
            seconds: result.seconds, document: JSONValue.object(row).text, states: result.measured.states)
    }
}

/// A finished caption.
struct CaptionResult: Sendable {
    let model: String
    let image: String
    let prompt: JSONValue
    let promptTokens: Int
    let generation: Generation
    /// `nil` where none was asked for or nothing was done.
    let receipt: Receipt?
    let measured: MeasuredRow
    let seconds: Double

    /// The members between an answer's head and its provenance, in the order of the wire.
    var members: JSONObject {
        var members = JSONObject([
            ("model", .string(model)), ("image", .string(image)), ("prompt", prompt),
            ("caption", .string(generation.text)), ("tokens", .array(generation.tokens.map(\.json))),
            ("finish_reason", .string(generation.finishReason.rawValue)),
            (
                "usage",
                [
                    "prompt_tokens": .integer(promptTokens), "completion_tokens": .integer(generation.tokens.count),
                    "total_tokens": .integer(promptTokens + generation.tokens.count),
                ]
            ),
        ])
        members.merge(measured.members)
        members["receipt"] = receipt?.json ?? .null
        members["seconds"] = .finite(seconds)
        return members
    }
}

/// Runs the caption of one group.
struct CaptionRun {
    private let group: GroupRun
    private let specification: CaptionSpecification

    init(_ group: GroupRun, _ specification: CaptionSpecification) {
        self.group = group
        self.specification = specification
    }

    func run(_ run: ModelRun, onToken: (GeneratedToken) -> Void) throws -> CaptionResult {
        let start = ContinuousClock.now
        let model = group.plan.model
        let context = group.plan.contexts[group.group]
        let prompt = try group.prompt(context, boundary: run.boundary)
        let prepared = try group.plan.interventions(at: .caption, in: context)
        let sources = try group.sources(for: [prepared], run: run)
        let outcome = try run.run(
            prompt, interventions: prepared.resolved, sourceStates: sources.states(for: prepared),
            generation: specification.generation,
            measuring: try group.plan.measurements(at: .caption, in: context), onToken: onToken)
        guard let generation = outcome.generation else { throw CellFailure("no caption was generated") }
        group.caches.work.count(
            .caption, prompt: prompt.layout.tokens, generated: generation.tokens.count)
        var receipt: Receipt?
        if specification.receipt != .none, specification.interventions != nil {
            receipt = outcome.receipt
            if specification.receipt == .full {
                let clean = try run.run(prompt)
                receipt?.effect = clean.nextToken.totalVariation(to: outcome.nextToken)
            }
        }
        return CaptionResult(
            model: model.name, image: context.image,
            prompt: Self.promptJSON(specification.inputs[group.group].prompt, context),
            promptTokens: prompt.layout.tokens, generation: generation, receipt: receipt,
            measured: try group.measured(outcome, at: 0), seconds: group.seconds(since: start))
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
