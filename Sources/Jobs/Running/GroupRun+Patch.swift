import Interventions
import Models
import Store
import StrictJSON

extension GroupRun {
    /// The runs of one pair that every one of its cells is compared with.
    private struct PairRuns {
        let base: RunOutcome
        let source: RunOutcome
        let baseToken: Int?
        let sourceToken: Int?
        let baseImage: String
        let sourceImage: String
    }

    /// All layers of one pair, over its two clean runs.
    func patchCells(_ job: PatchSpecification, run: ModelRun) throws -> [CellRecord] {
        let context = plan.contexts[group]
        let pair = job.pairs[group]
        let base = try prompt(context, run: run)
        let source = try prompt(context.showing(pair.source), run: run)
        let tokens = try plan.classTokens(ofPair: group)
        let generation = job.measure.caption ? GenerationOptions(maximumTokens: job.measure.maximumTokens) : nil
        let prepared = try plan.places.map { try plan.patchInterventions(at: $0, pair: group) }
        let sources = try sources(for: prepared, run: run)
        let variants = try zip(plan.places, prepared).map { place, interventions in
            SweepVariant(
                base, interventions: interventions.resolved, sourceStates: sources.states(for: interventions),
                measuring: try plan.measurements(at: place, in: context))
        }
        let patched = try outcomes(of: [SweepVariant(base)] + variants, generation: generation, run: run)
        let runs = PairRuns(
            base: patched[0].outcome,
            source: try outcomes(of: [SweepVariant(source)], generation: nil, run: run)[0].outcome,
            baseToken: tokens.base, sourceToken: tokens.source, baseImage: pair.base, sourceImage: pair.source)
        return try plan.places.indices.map { place in
            let positions = prepared[place].resolved.patches.first?.positions.compactText ?? ""
            return try patchCell(
                place, job, patched[place + 1].outcome, runs, positions: positions, seconds: patched[place + 1].seconds)
        }
    }

    private func patchCell(
        _ place: Int, _ specification: PatchSpecification, _ outcome: RunOutcome, _ runs: PairRuns, positions: String,
        seconds: Double
    ) throws -> CellRecord {
        let (pair, _, layer) = plan.names(group: group, place: place)
        let patched = outcome.nextToken
        var receipt = outcome.receipt
        receipt.effect = runs.base.nextToken.totalVariation(to: patched)
        var measures = CellMeasures()
        measures.effect = receipt.effect
        var similarity = JSONValue.null
        if specification.measure.nextToken {
            measures.similarity = runs.source.nextToken.similarity(to: patched)
            measures.similarityBaseSource = runs.base.nextToken.similarity(to: runs.source.nextToken)
            similarity = [
                "patched_to_source": .finite(measures.similarity),
                "base_to_source": .finite(measures.similarityBaseSource),
            ]
        }
        let measured = try measured(outcome, at: place)
        var row = rowHead(place, status: .ok)
        row["pair"] = .string(pair)
        row["base"] = .string(runs.baseImage)
        row["source"] = .string(runs.sourceImage)
        row["site"] = .string(specification.site.rawValue)
        row["positions"] = .string(positions)
        row["layer"] = .optional(layer)
        row["similarity"] = similarity
        row["base_token"] = token(runs.baseToken, runs, patched, into: &measures.baseToken)
        row["source_token"] = token(runs.sourceToken, runs, patched, into: &measures.sourceToken)
        contrast(runs, patched, row: &row, measures: &measures)
        row["top"] = plan.model.topTokens(patched, count: specification.measure.top)
        let nearTie = [runs.base.nextToken, patched].contains { $0.isNearTie(in: plan.model.numberFormat) }
        row["near_tie"] = .bool(nearTie)
        measures.nearTie = nearTie
        measures.caption = outcome.generation?.text
        measures.captionAgrees = outcome.generation.map { $0.text == runs.base.generation?.text }
        row["caption"] = outcome.generation?.json(agreeingWith: runs.base.generation) ?? .null
        row.merge(measured.members)
        row["receipt"] = receipt.json
        row["seconds"] = .finite(seconds)
        row["error"] = .null
        row["provenance"] = provenance.json
        return CellRecord(
            job: job, ordinal: ordinal(place), group: group, kind: "patch", model: plan.model.name, status: .ok,
            input: pair, image: runs.baseImage, sourceImage: runs.sourceImage, layer: layer,
            site: specification.site.rawValue, positions: positions, measures: measures, seconds: seconds,
            document: JSONValue.object(row).text, states: measured.states)
    }

    /// One class token's probabilities in the three runs.
    private func token(
        _ id: Int?, _ runs: PairRuns, _ patched: NextTokenDistribution, into measure: inout CellMeasures.Token?
    ) -> JSONValue {
        guard let id else { return .null }
        let text = plan.model.text(of: [id])
        let base = runs.base.nextToken.probability(of: id)
        let source = runs.source.nextToken.probability(of: id)
        measure = CellMeasures.Token(text: text, base: base, source: source, patched: patched.probability(of: id))
        return [
            "id": .integer(id), "text": .string(text), "p_base": .number(base), "p_source": .number(source),
            "p_patched": .number(patched.probability(of: id)),
        ]
    }

    /// What needs both class tokens (paper-protocol §3.6): accuracy, flips, logit differences.
    private func contrast(
        _ runs: PairRuns, _ patched: NextTokenDistribution, row: inout JSONObject, measures: inout CellMeasures
    ) {
        guard let base = runs.baseToken, let source = runs.sourceToken else {
            for name in ["accurate", "flipped", "base_correct", "source_correct", "logit_difference"] {
                row[name] = .null
            }
            return
        }
        func prefersSource(_ run: NextTokenDistribution) -> Bool {
            run.probability(of: source) > run.probability(of: base)
        }
        func difference(_ run: NextTokenDistribution) -> Double { Double(run.logits[source] - run.logits[base]) }
        let cleanPrefers = prefersSource(runs.base.nextToken)
        measures.accurate = prefersSource(patched)
        measures.flipped = !cleanPrefers && prefersSource(patched)
        measures.baseCorrect = runs.base.nextToken.probability(of: base) > runs.base.nextToken.probability(of: source)
        measures.sourceCorrect = prefersSource(runs.source.nextToken)
        measures.logitDifferenceBase = difference(runs.base.nextToken)
        measures.logitDifferenceSource = difference(runs.source.nextToken)
        measures.logitDifferencePatched = difference(patched)
        row["accurate"] = .bool(prefersSource(patched))
        row["flipped"] = .bool(!cleanPrefers && prefersSource(patched))
        row["base_correct"] = .bool(measures.baseCorrect ?? false)
        row["source_correct"] = .bool(prefersSource(runs.source.nextToken))
        row["logit_difference"] = [
            "base": .finite(measures.logitDifferenceBase), "source": .finite(measures.logitDifferenceSource),
            "patched": .finite(measures.logitDifferencePatched),
        ]
    }
}
