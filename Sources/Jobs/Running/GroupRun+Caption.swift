import Interventions
import Models
import Store
import StrictJSON

extension GroupRun {
    /// The caption of one input.
    func captionCell(_ caption: CaptionSpecification, run: ModelRun) throws -> CellRecord {
        let decoding = try CaptionRun(self, caption).begin(run)
        try run.finish([decoding.sequence])
        return try captionCell(caption, try decoding.finish(decoding.sequence.outcome))
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
        measures.nearTie = result.isNearTie
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

    /// Whether the number format's error could have decided which token was the likeliest somewhere in the text.
    var isNearTie: Bool { generation.tokens.contains(where: \.isNearTie) }

    /// The members between an answer's head and its provenance, in the order of the wire.
    var members: JSONObject {
        var members = JSONObject([
            ("model", .string(model)), ("image", .string(image)), ("prompt", prompt),
            ("caption", .string(generation.text)), ("tokens", .array(generation.tokens.map(\.json))),
            ("near_tie", .bool(isNearTie)), ("finish_reason", .string(generation.finishReason.rawValue)),
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
