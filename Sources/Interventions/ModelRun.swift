package import Models
import Numerics

/// What one run of a model on one prompt gave.
package struct RunOutcome: Sendable {
    /// After the last prompt position.
    package let nextToken: NextTokenDistribution
    /// `nil` where nothing was to be generated.
    package let generation: Generation?
    /// What the interventions did; its `effect` is filled in by who has a clean run to compare with.
    package var receipt: Receipt
    /// What was to be measured beside.
    package let measurements: MeasuredStates
    /// Prompt tokens plus decode steps, for accounts of work.
    package let rowsComputed: Int
}

/// Runs a model on prompts, with interventions in force from the first layer to the last generated token.
///
/// Everything is computed from the first token on; ``Sweep`` computes many variants of a prompt over its clean run.
package struct ModelRun {
    package let model: VisionLanguageModel
    /// Called at every layer boundary; throwing abandons the run.
    package let boundary: () throws -> Void
    package let meter: (any WorkMeter)?
    private let pauses = BoundaryPauses()

    /// - Parameter meter: told what pieces of the run's work take.
    package init(
        _ model: VisionLanguageModel, meter: (any WorkMeter)? = nil, boundary: @escaping () throws -> Void = {}
    ) {
        self.model = model
        self.meter = meter
        self.boundary = { [pauses] in
            let start = ContinuousClock.now
            defer { pauses.seconds += (ContinuousClock.now - start) / .seconds(1) }
            try boundary()
        }
    }

    /// Seconds that others took at this run's boundaries.
    package var pausedSeconds: Double { pauses.seconds }

    /// Does a piece of work and reports what it took, without what others did at its boundaries.
    package func timed<T>(_ work: Work, _ body: () throws -> T) rethrows -> T {
        guard let meter else { return try body() }
        let (start, paused) = (ContinuousClock.now, pauses.seconds)
        let result = try body()
        let seconds = (ContinuousClock.now - start) / .seconds(1) - (pauses.seconds - paused)
        meter.report(work, on: model, seconds: seconds)
        return result
    }

    /// Reports a text that has ended.
    func report(text tokens: Int, isWhole: Bool) {
        meter?.report(.text(tokens: tokens, isWhole: isWhole), on: model, seconds: 0)
    }

    /// What a run writes down as it goes (``Trace``).
    struct Recording {
        let tensors: Set<TraceTensor>
        /// Takes values of a tensor from an element on, row-major.
        let record: (TraceTensor, Int, [Float]) throws -> Void
    }

    /// One run.
    ///
    /// - Parameters:
    ///   - sourceStates: what patches put in and steers add (``SourceStates``).
    ///   - measurements: what is to be measured over the prompt.
    ///   - onToken: told of each token as it is chosen.
    /// - throws: what `boundary` throws.
    package func run(
        _ prompt: Prompt, interventions: ResolvedInterventions = .none, sourceStates: RunStates = .none,
        generation options: GenerationOptions? = nil, measuring measurements: ResolvedMeasurements = .none,
        onToken: (GeneratedToken) -> Void = { _ in }
    ) throws -> RunOutcome {
        try run(
            prompt, interventions: interventions, sourceStates: sourceStates, generation: options,
            measuring: measurements, recording: nil, onToken: onToken)
    }

    /// One run, written down.
    func run(
        _ prompt: Prompt, interventions: ResolvedInterventions, sourceStates: RunStates,
        generation options: GenerationOptions?, measuring measurements: ResolvedMeasurements = .none,
        recording: Recording?, onToken: (GeneratedToken) -> Void = { _ in }
    ) throws -> RunOutcome {
        var pass = try read(
            prompt, interventions: interventions, sourceStates: sourceStates, measuring: measurements,
            recording: recording)
        var generation: Generation?
        if let options {
            generation = try generate(
                options, after: pass.nextToken, cache: &pass.cache, hooks: pass.hooks, onToken: onToken)
        }
        return RunOutcome(
            nextToken: pass.nextToken, generation: generation, receipt: pass.hooks.receipt,
            measurements: pass.measurements, rowsComputed: pass.cache.count)
    }

    /// A prompt's pass, and what goes on from it.
    struct PromptPass {
        let nextToken: NextTokenDistribution
        let measurements: MeasuredStates
        let hooks: RunHooks
        var cache: KVCache
    }

    /// Reads a prompt from its first token.
    func read(
        _ prompt: Prompt, interventions: ResolvedInterventions, sourceStates: RunStates,
        measuring measurements: ResolvedMeasurements, recording: Recording?
    ) throws -> PromptPass {
        let hooks = hooks(
            for: prompt, under: interventions, sourceStates: sourceStates, recordings: measurements.recordings,
            attention: measurements.attention)
        var cache = KVCache(configuration: model.decoder.configuration)
        let work = Work.reading(tokenLayers: prompt.layout.tokens * model.decoder.configuration.layers)
        let nextToken = try timed(work) {
            distribution(after: try read(prompt, cache: &cache, hooks: hooks, recording: recording))
        }
        return PromptPass(
            nextToken: nextToken, measurements: try measured(measurements, by: hooks), hooks: hooks, cache: cache)
    }

    /// The states of some sites and positions of one run, `[positions, width]`.
    func states(
        at recording: StateRecording, of prompt: Prompt, under interventions: ResolvedInterventions,
        sourceStates: RunStates
    ) throws -> [SiteKey: Matrix] {
        let hooks = hooks(for: prompt, under: interventions, sourceStates: sourceStates, recordings: [recording])
        var cache = KVCache(configuration: model.decoder.configuration)
        try timed(.reading(tokenLayers: prompt.layout.tokens * model.decoder.configuration.layers)) {
            _ = try read(prompt, cache: &cache, hooks: hooks, recording: nil)
        }
        return hooks.states.states[0]
    }

    private func hooks(
        for prompt: Prompt, under interventions: ResolvedInterventions, sourceStates: RunStates,
        recordings: [StateRecording], attention: [ResolvedMeasurements.Attention] = []
    ) -> RunHooks {
        RunHooks(
            interventions, states: sourceStates, promptTokens: prompt.layout.tokens,
            configuration: model.decoder.configuration, recordings: recordings, attention: attention,
            boundary: boundary)
    }

    /// The pass over the prompt; the final-normed states of its last position, or of all where they are recorded.
    private func read(_ prompt: Prompt, cache: inout KVCache, hooks: RunHooks, recording: Recording?) throws -> Matrix {
        let decoder = model.decoder
        let recorder = recording.map {
            RecordingHooks(
                acting: hooks, configuration: decoder.configuration, tokens: prompt.layout.tokens, tensors: $0.tensors,
                record: $0.record)
        }
        let states = try decoder.forward(
            decoder.embed(prompt.embeddingIDs), cache: &cache, hooks: recorder ?? hooks,
            reading: recorder == nil ? .last : .all)
        try recorder?.finish { decoder.logits(states) }
        return states
    }

    /// What was asked to be measured, from what the hooks saw.
    func measured(_ asked: ResolvedMeasurements, by hooks: RunHooks) throws -> MeasuredStates {
        let lens = LogitLens(model, boundary: boundary)
        let states = hooks.states.states
        return MeasuredStates(
            captures: zip(asked.captures, states).map { $0.measured($1) },
            attention: hooks.attention.measured,
            logitLens: try zip(asked.logitLens, states.dropFirst(asked.captures.count)).map { asked, states in
                MeasuredLogitLens(
                    site: asked.site,
                    rows: try asked.layers.flatMap { layer in
                        try states[SiteKey(site: asked.site, layer: layer)].map {
                            try lens.read($0, layer: layer, positions: asked.positions, top: asked.top)
                        } ?? []
                    })
            })
    }

    /// After the last of some rows.
    func distribution(after states: Matrix) -> NextTokenDistribution {
        NextTokenDistribution(logits: model.decoder.logits(states.rows(states.rows - 1..<states.rows)).elements)
    }

    /// After each of some final-normed rows, `[1, hidden]`, through the head together; each comes out as it does alone.
    func distributions(of rows: [Matrix]) -> [NextTokenDistribution] {
        guard let first = rows.first else { return [] }
        let stacked = Matrix(rows: rows.count, columns: first.columns, elements: rows.flatMap(\.elements))
        let logits = model.decoder.logits(stacked, rows: .tiled)
        return rows.indices.map { NextTokenDistribution(logits: Array(logits.row($0))) }
    }

    private func generate(
        _ options: GenerationOptions, after first: NextTokenDistribution, cache: inout KVCache, hooks: RunHooks,
        onToken: (GeneratedToken) -> Void
    ) throws -> Generation {
        var continuation = Continuation(options, on: model)
        var distribution = first
        while !continuation.hasEnded, let token = continuation.append(after: distribution, length: cache.count) {
            onToken(token)
            if continuation.hasEnded { break }
            distribution = try timed(.pass(rows: 1)) {
                self.distribution(
                    after: try model.decoder.forward(
                        model.decoder.embed([token.token.id]), cache: &cache, hooks: hooks))
            }
        }
        return continuation.generation
    }
}
