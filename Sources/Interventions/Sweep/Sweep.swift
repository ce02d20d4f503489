package import Models
import Numerics

// All variants of a prompt at once, for about the price of one.
//
// The clean run is computed once (``CleanRunCache``). Of a variant only its ``Cone`` is computed: its rows join the stack at
// the layer where its interventions begin, over the clean run's states, keys and values. All rows that are under way go through
// one matrix product, so weights are read once a layer, whatever the number of variants. Generation goes on in the
// same way, a row a sequence; a sequence that has ended leaves the stack.
//
// A variant's bits do not depend on what it is stacked with: products are made so that rows come out alike wherever they
// stand (``ProductRows/tiled``, ``ProductRows/standAlone``), and everything else is a row's or a sequence's own. So a sweep gives what its variants
// give one at a time, and the same job gives the same bits whatever was found in the cache and wherever a crash fell.

/// A run of the stack: what is done to a prompt, and over which clean run.
package struct SweepVariant: Sendable {
    /// The prompt with its picture in place.
    package let prompt: Prompt
    package let interventions: ResolvedInterventions
    package let sourceStates: RunStates
    package let measurements: ResolvedMeasurements

    package init(
        _ prompt: Prompt, interventions: ResolvedInterventions = .none, sourceStates: RunStates = .none,
        measuring measurements: ResolvedMeasurements = .none
    ) {
        self.prompt = prompt
        self.interventions = interventions
        self.sourceStates = sourceStates
        self.measurements = measurements
    }

    /// What is computed of it, on a decoder of `layers` layers.
    package func cone(layers: Int) -> Cone {
        // A clean run's attention is measured in a pass of its own.
        Cone(
            of: interventions, measuring: interventions.isEmpty ? .none : measurements, tokens: prompt.layout.tokens,
            layers: layers)
    }

    /// Whether a run alone is better computed over its clean run than from its first token, be that clean run at hand or
    /// not: where its cone is a small part of the prompt. A clean run's attention is measured while it is made, not later.
    package static func sharesCleanRun(
        _ interventions: ResolvedInterventions, measuring measurements: ResolvedMeasurements, tokens: Int, layers: Int
    ) -> Bool {
        guard measurements.attention.isEmpty || !interventions.isEmpty else { return false }
        let cone = Cone(of: interventions, measuring: measurements, tokens: tokens, layers: layers)
        return 4 * cone.tokenLayers <= tokens * layers
    }

    /// What its clean run has to keep: the states that join, those that patches replace or steers by 0 leave, and those
    /// that are measured.
    func extent(under cone: Cone) -> CleanRun.Extent {
        let patched = interventions.patches.map { StateRecording(sites: $0.sites, positions: $0.positions) }
        let steered = interventions.steers.filter { $0.scale == 0 }.map {
            StateRecording(sites: $0.sites, positions: $0.positions.prompt)
        }
        let held = patched + steered + measurements.recordings
        return held.reduce(CleanRun.Extent(keptFrom: cone.firstPosition)) {
            $0.union(.holding($1, tokens: cone.tokens))
        }
    }
}

/// Runs variants over the clean runs of their prompts.
package struct Sweep {
    private let run: ModelRun
    private let cleanRuns: CleanRunCache

    /// The most prompt rows in a stack: enough that products run at full speed, few enough that its states stay small.
    package static let rowBudget = 1024
    /// The most sequences in a stack.
    package static let sequenceBudget = 64

    package init(_ run: ModelRun, cleanRuns: CleanRunCache) {
        self.run = run
        self.cleanRuns = cleanRuns
    }

    /// One outcome a variant, in their order.
    ///
    /// - Parameter options: `nil` generates nothing.
    /// - throws: what the run's boundary throws.
    package func outcomes(of variants: [SweepVariant], generation options: GenerationOptions?) throws -> [RunOutcome] {
        let layers = run.model.decoder.configuration.layers
        let cones = variants.map { $0.cone(layers: layers) }
        // For each prompt, the states that any of its variants needs.
        var extents: [[Int]: CleanRun.Extent] = [:]
        for (variant, cone) in zip(variants, cones) {
            let extent = variant.extent(under: cone)
            let key = variant.prompt.embeddingIDs
            extents[key] = extents[key]?.union(extent) ?? extent
        }
        // A prompt that is only looked at here may be another group's base, whose variants begin where these do.
        let first = cones.map(\.firstPosition).min() ?? 0
        for (key, extent) in extents { extents[key]?.keptFrom = min(extent.keptFrom, first, key.count) }
        // Held until the end, so that a run is made once, too, when it is larger than the cache.
        var clean: [[Int]: CleanRun] = [:]
        func cleanRun(_ variant: SweepVariant, _ cone: Cone) throws -> CleanRun {
            let key = variant.prompt.embeddingIDs
            if let made = clean[key] { return made }
            let made = try cleanRuns.run(
                variant.prompt, keeping: extents[key] ?? variant.extent(under: cone), by: run)
            clean[key] = made
            return made
        }
        var outcomes: [RunOutcome] = []
        for stack in Self.stacks(cones) {
            let members = try stack.map { index in
                SweepStack.Member(
                    variants[index], cone: cones[index], over: try cleanRun(variants[index], cones[index]),
                    layers: layers)
            }
            outcomes += try SweepStack(members, run: run).outcomes(generation: options)
        }
        return outcomes
    }

    /// One variant's prompt, for a continuation that is decoded with others.
    ///
    /// - Parameter keptFrom: the position from which its clean run is to keep states, for variants of the prompt that may
    ///   come later.
    /// - throws: what the run's boundary throws.
    package func reading(_ variant: SweepVariant, keptFrom: Int) throws -> PromptReading {
        let layers = run.model.decoder.configuration.layers
        let cone = variant.cone(layers: layers)
        let clean = try cleanRuns.run(
            variant.prompt, keeping: variant.extent(under: cone).union(.init(keptFrom: keptFrom)), by: run)
        let member = SweepStack.Member(variant, cone: cone, over: clean, layers: layers)
        return try SweepStack([member], run: run).readings()[0]
    }

    /// The next token of a prompt's clean run.
    ///
    /// - Parameter keptFrom: as above.
    package func cleanNextToken(of prompt: Prompt, keptFrom: Int) throws -> NextTokenDistribution {
        try cleanRuns.run(prompt, keeping: .init(keptFrom: keptFrom), by: run).nextToken
    }

    /// The states of some sites and positions of one variant, `[positions, width]`, as a capture of it has them.
    func states(
        at recording: StateRecording, of prompt: Prompt, under interventions: ResolvedInterventions,
        sourceStates: RunStates
    ) throws -> [SiteKey: Matrix] {
        let captures = Dictionary(grouping: recording.sites, by: \.site).map { site, keys in
            ResolvedMeasurements.Capture(
                site: site, layers: keys.map(\.layer).sorted(), positions: recording.positions, pool: nil)
        }
        let variant = SweepVariant(
            prompt, interventions: interventions, sourceStates: sourceStates,
            measuring: ResolvedMeasurements(captures: captures))
        return try outcomes(of: [variant], generation: nil)[0].measurements.captures.reduce(into: [:]) {
            states, capture in
            for layer in capture.specification.layers {
                states[SiteKey(site: capture.specification.site, layer: layer)] = capture.state.rows(atLayer: layer)
            }
        }
    }

    /// Consecutive variants that are computed together.
    package static func stacks(_ cones: [Cone]) -> [Range<Int>] {
        var stacks: [Range<Int>] = []
        var start = 0
        var rows = 0
        for (index, cone) in cones.enumerated() {
            if index > start, rows + cone.rows > rowBudget || index - start == sequenceBudget {
                stacks.append(start..<index)
                (start, rows) = (index, 0)
            }
            rows += cone.rows
        }
        if start < cones.count { stacks.append(start..<cones.count) }
        return stacks
    }
}
