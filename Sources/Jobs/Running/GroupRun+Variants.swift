import Interventions
import Models

extension GroupRun {
    /// A variant's outcome, with its share of the time that its stack took.
    struct VariantOutcome {
        let outcome: RunOutcome
        let seconds: Double
    }

    /// The outcomes of some variants, in their order: over shared clean runs, or, where the job asks for `reuse: off`, each
    /// from its first token.
    func outcomes(
        of variants: [SweepVariant], generation: GenerationOptions?, run: ModelRun
    ) throws -> [VariantOutcome] {
        switch reuse {
        case .on:
            let start = ContinuousClock.now
            let outcomes = try Sweep(run, cleanRuns: caches.cleanRuns).outcomes(of: variants, generation: generation)
            let share = seconds(since: start) / Double(max(1, variants.count))
            for (variant, outcome) in zip(variants, outcomes) {
                // A variant's rows are those of its cone and those that it generated.
                let computed = outcome.rowsComputed - (outcome.generation?.tokens.count ?? 0)
                count(variant, outcome, reused: variant.prompt.layout.tokens - computed)
            }
            return outcomes.map { VariantOutcome(outcome: $0, seconds: share) }
        case .off:
            return try variants.map { variant in
                let start = ContinuousClock.now
                let outcome = try run.run(
                    variant.prompt, interventions: variant.interventions, sourceStates: variant.sourceStates,
                    generation: generation, measuring: variant.measurements)
                count(variant, outcome, reused: 0)
                return VariantOutcome(outcome: outcome, seconds: seconds(since: start))
            }
        }
    }
    private func count(_ variant: SweepVariant, _ outcome: RunOutcome, reused: Int) {
        caches.work.count(
            plan.specification.kind, prompt: variant.prompt.layout.tokens,
            generated: outcome.generation?.tokens.count ?? 0, reused: reused)
    }
}
