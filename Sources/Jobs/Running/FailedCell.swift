import Interventions
import Models
import Store
import StrictJSON

/// The row of a cell that could not be computed: what it was to be, and why it is not.
struct FailedCell {
    let plan: JobPlan
    let job: String

    func record(group: Int, place: Int, code: String, message: String) -> CellRecord {
        let (input, variant, layer) = plan.names(group: group, place: place)
        let kind = plan.specification.kind
        let ordinal = group * plan.cellsPerGroup + place
        let error: JSONValue = ["code": .string(code), "message": .string(message)]
        var row = JSONObject([
            ("id", .string("\(job)/\(ordinal)")), ("job", .string(job)), ("kind", .string(kind.rawValue)),
            ("status", "failed"),
        ])
        switch plan.specification {
        case .patch(let patch):
            row["pair"] = .string(input)
            row["base"] = .string(patch.pairs[group].base)
            row["source"] = .string(patch.pairs[group].source)
            row["site"] = .string(patch.site.rawValue)
        case .caption, .knockout:
            row["input"] = .string(input)
            row["image"] = .string(plan.contexts[group].image)
        }
        if kind == .knockout { row["variant"] = .optional(variant) }
        if kind != .caption { row["layer"] = .optional(layer) }
        row["error"] = error
        let provenance = try? Provenance(plan.model, reuse: plan.reuse(ofGroup: group), seed: plan.seed)
        row["provenance"] = provenance?.json ?? .null
        return CellRecord(
            job: job, ordinal: ordinal, group: group, kind: kind.rawValue, model: plan.model.name, status: .failed,
            input: input, image: plan.contexts[group].image, variant: variant, layer: layer, error: error.text,
            document: JSONValue.object(row).text)
    }
}
