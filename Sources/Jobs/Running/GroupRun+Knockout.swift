import Interventions
import Models
import Store
import StrictJSON

extension GroupRun {
    /// The clean run of one input and all its variants, computed together.
    func knockoutCells(_ job: KnockoutSpecification, run: ModelRun) throws -> [CellRecord] {
        let context = plan.contexts[group]
        let prompt = try self.prompt(context, run: run)
        let prepared = try plan.places.map { try plan.interventions(at: $0, in: context) }
        let sources = try sources(for: prepared, run: run)
        let generation = job.measure.caption ? GenerationOptions(maximumTokens: job.measure.maximumTokens) : nil
        let shown = plan.places.indices.map { shownContext(at: $0, of: job) }
        let variants = try plan.places.indices.map { place in
            SweepVariant(
                shown[place] == context ? prompt : try self.prompt(shown[place], run: run),
                interventions: prepared[place].resolved, sourceStates: sources.states(for: prepared[place]),
                measuring: try plan.measurements(at: plan.places[place], in: shown[place]))
        }
        let outcomes = try outcomes(of: variants, generation: generation, run: run)
        return try outcomes.enumerated().map { place, variant in
            // The first place is the clean run.
            try knockoutCell(
                place, job, variant.outcome, clean: outcomes[0].outcome, shown: shown[place].image,
                seconds: variant.seconds)
        }
    }

    /// The picture that a place looks at: its input's own, or the next input's.
    private func shownContext(at place: Int, of job: KnockoutSpecification) -> PromptContext {
        guard case .variant(let index, _) = plan.places[place], job.variants[index].usesNextImage else {
            return plan.contexts[group]
        }
        return plan.contexts[group].showing(plan.contexts[plan.nextGroup(after: group)].image)
    }

    private func knockoutCell(
        _ place: Int, _ specification: KnockoutSpecification, _ outcome: RunOutcome, clean: RunOutcome, shown: String,
        seconds: Double
    ) throws -> CellRecord {
        let (input, variant, layer) = plan.names(group: group, place: place)
        let image = plan.contexts[group].image
        var receipt = outcome.receipt
        receipt.effect = clean.nextToken.totalVariation(to: outcome.nextToken)
        var measures = CellMeasures()
        measures.effect = receipt.effect
        var nextToken = JSONValue.null
        if specification.measure.nextToken {
            let similarity = clean.nextToken.similarity(to: outcome.nextToken)
            let divergence = clean.nextToken.divergence(from: outcome.nextToken)
            let agrees = clean.nextToken.argmax == outcome.nextToken.argmax
            let nearTie = [clean, outcome].contains { $0.nextToken.isNearTie(in: plan.model.numberFormat) }
            measures.similarity = similarity
            measures.kl = divergence.isFinite ? divergence : nil
            measures.top1Agrees = agrees
            measures.nearTie = nearTie
            nextToken = [
                "similarity": .finite(similarity), "kl": .finite(divergence), "top1_agrees": .bool(agrees),
                "near_tie": .bool(nearTie),
                "top": plan.model.topTokens(outcome.nextToken, count: specification.measure.top),
            ]
        }
        measures.caption = outcome.generation?.text
        measures.captionAgrees = outcome.generation.map { $0.text == clean.generation?.text }
        let measured = try measured(outcome, at: place)
        var row = rowHead(place, status: .ok)
        row["input"] = .string(input)
        row["image"] = .string(image)
        row["shown_image"] = .string(shown)
        row["variant"] = .optional(variant)
        row["layer"] = .optional(layer)
        row["next_token"] = nextToken
        row["caption"] = outcome.generation?.json(agreeingWith: clean.generation) ?? .null
        row.merge(measured.members)
        row["receipt"] = receipt.json
        row["seconds"] = .finite(seconds)
        row["error"] = .null
        row["provenance"] = provenance.json
        return CellRecord(
            job: job, ordinal: ordinal(place), group: group, kind: "knockout", model: plan.model.name, status: .ok,
            input: input, image: image, sourceImage: shown == image ? nil : shown, variant: variant, layer: layer,
            measures: measures, seconds: seconds, document: JSONValue.object(row).text, states: measured.states)
    }
}
