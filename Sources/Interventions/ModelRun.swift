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

    package init(_ model: VisionLanguageModel, boundary: @escaping () throws -> Void = {}) {
        self.model = model
        self.boundary = boundary
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
        let hooks = hooks(
            for: prompt, under: interventions, sourceStates: sourceStates, recordings: measurements.recordings,
            attention: measurements.attention)
        var cache = KVCache(configuration: model.decoder.configuration)
        let nextToken = distribution(after: try read(prompt, cache: &cache, hooks: hooks, recording: recording))
        let measured = try self.measured(measurements, by: hooks)
        var generation: Generation?
        if let options {
            generation = try generate(options, after: nextToken, cache: &cache, hooks: hooks, onToken: onToken)
        }
        return RunOutcome(
            nextToken: nextToken, generation: generation, receipt: hooks.receipt, measurements: measured,
            rowsComputed: cache.count)
    }

    /// The states of some sites and positions of one run, `[positions, width]`.
    func states(
        at recording: StateRecording, of prompt: Prompt, under interventions: ResolvedInterventions,
        sourceStates: RunStates
    ) throws -> [SiteKey: Matrix] {
        let hooks = hooks(for: prompt, under: interventions, sourceStates: sourceStates, recordings: [recording])
        var cache = KVCache(configuration: model.decoder.configuration)
        _ = try read(prompt, cache: &cache, hooks: hooks, recording: nil)
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
            let states = try model.decoder.forward(model.decoder.embed([token.token.id]), cache: &cache, hooks: hooks)
            distribution = self.distribution(after: states)
        }
        return continuation.generation
    }
}
