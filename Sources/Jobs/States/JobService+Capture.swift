import Interventions
import Models
import Store
import StrictJSON

extension JobService {
    /// Takes a state from a run, or the mean of it over the runs of several pictures.
    func captured(_ given: StateCapture, key: KeyRecord?) async throws -> NewState {
        let model = try await models.model(given.model)
        var capture = given
        var contents = RequestContents(store, key: key)
        for index in capture.images.indices {
            capture.images[index] = try await contents.image(capture.images[index], path: capture.imagePath(index))
        }
        try await capture.interventions?.mapImages(path: "interventions") { try await contents.image($0, path: $1) }
        try await capture.interventions?.mapStates(path: "interventions") { try await contents.state($0, path: $1) }
        let prompt = capture.prompt ?? .preset(of: model)
        capture.prompt = prompt

        let context = try PromptContext(prompt, image: capture.images[0], on: model, path: "prompt")
        let runs = try capture.images.map {
            try CaptureRun(capture, context.showing($0), on: model, states: contents.descriptions)
        }
        // All of the request is right.
        try await contents.keep()

        var sum = StateSum()
        for run in runs {
            let pictures = try await store.pictures(run.prepared.images.union([run.context.image]))
            let states = try await store.states(run.prepared.states)
            let prompts = EncodedPrompts(model: model, pictures: pictures, cache: caches.images)
            let state = try await engine.run(.interactive) { [caches] boundary in
                try run.state(prompts, states: states, cleanRuns: caches.cleanRuns, boundary: boundary)
            }
            try sum.add(state, path: "")
        }
        guard let state = capture.capture.pool == .mean ? sum.pooledMean : sum.mean else {
            throw InterventionError(.nothingToDo, at: "images", "there is no run to take a state from")
        }
        let provenance = try Provenance(model, reuse: .on, seed: capture.seed)
        let origin = JSONObject([
            ("made", "capture"), ("request", capture.json), ("provenance", provenance.json),
        ])
        return try NewState(state, model: model.name, origin: .object(origin))
    }
}

/// One run that a state is taken from.
private struct CaptureRun: Sendable {
    let context: PromptContext
    let prepared: PreparedInterventions
    private let measurements: ResolvedMeasurements

    init(
        _ capture: StateCapture, _ context: PromptContext, on model: VisionLanguageModel,
        states: [String: StateDescription]
    ) throws {
        let preparation = InterventionPreparation(
            model: model, seed: capture.seed, variant: "", generates: false, states: states)
        self.context = context
        prepared =
            try capture.interventions.map { try preparation.prepare($0, in: context, path: "interventions") } ?? .none
        // Positions are pooled with the pictures, so that the mean over both is rounded once.
        var unpooled = capture.capture
        unpooled.pool = nil
        do {
            measurements = try preparation.prepare(Measurements(captures: [unpooled]), in: context, path: "")
        } catch {
            // The request has the one capture at its top: `captures[0].positions` is its `positions`.
            throw InterventionError(error.code, at: error.path.replacing("captures[0].", with: ""), error.detail)
        }
    }

    /// Computed as a job's cells are, so that a state has one name whoever takes it.
    func state(
        _ prompts: EncodedPrompts, states: [String: StateTensor], cleanRuns: CleanRunCache, boundary: LayerBoundary
    ) throws -> StateTensor {
        let run = ModelRun(prompts.model, boundary: { try boundary.pass() })
        let sources = try SourceStates(for: [prepared], run: run, states: states, cleanRuns: cleanRuns, sweeps: true) {
            try prompts.prompt($0, run: run)
        }
        let variant = SweepVariant(
            try prompts.prompt(context, run: run), interventions: prepared.resolved,
            sourceStates: sources.states(for: prepared), measuring: measurements)
        // One variant with one capture was asked for.
        return try Sweep(run, cleanRuns: cleanRuns).outcomes(of: [variant], generation: nil)[0]
            .measurements.captures[0].state
    }
}
