package import Models
import Numerics

/// One run of a model on one prompt with one picture, written down tensor by tensor (docs/cli.md, "Traces").
///
/// Made first, so that everything that cannot be done is known before anything is computed; then run:
///
/// ```swift
/// let trace = try Trace(.preset("caption", question: nil), image: digest, on: model, interventions: set)
/// let layout = try trace.layout(image: encoded)
/// try trace.run(images: { _ in encoded }, sink)
/// ```
///
/// The tensors cover the prompt's tokens. Values reach the sink as the pass makes them, so that a trace of several
/// gigabytes is never held.
package struct Trace {
    package let model: VisionLanguageModel
    package let context: PromptContext
    /// How many tokens are generated, greedily and through end-of-sequence tokens.
    package let generatedTokens: Int
    /// What is written.
    package let tensors: [TraceTensor]
    private let prepared: PreparedInterventions
    private let states: [String: StateTensor]
    private let measurements: ResolvedMeasurements

    /// Where a trace's values go, by the names of ``layout(image:)``. Elements are row-major and come in pieces; each
    /// comes once.
    package protocol Sink {
        func write(_ values: [Float], to tensor: String, at element: Int) throws
        func write(_ values: [Int32], to tensor: String) throws
    }

    /// Lays the run out.
    ///
    /// - Parameters:
    ///   - image: what the picture is called, which decides random draws; ``run(images:_:)`` asks for it by that name.
    ///   - sourceImage: the picture whose clean run at the same prompt gives patches without a `source` their states.
    ///   - generatedTokens: 0 generates nothing.
    ///   - tensors: what is to be written; `generated_ids` is left out where nothing is generated.
    ///   - measurements: what is to be written beside.
    ///   - states: the stored states that interventions name.
    /// - throws: ``InterventionError`` naming the field that cannot be done.
    package init(
        _ prompt: PromptRequest, image: String, sourceImage: String? = nil, on model: VisionLanguageModel,
        interventions: InterventionSet = InterventionSet(), generatedTokens: Int = 0,
        tensors: [TraceTensor] = TraceTensor.allCases, measuring measurements: Measurements = Measurements(),
        states: [String: StateTensor] = [:]
    ) throws(InterventionError) {
        self.model = model
        self.generatedTokens = generatedTokens
        self.states = states
        self.tensors = tensors.filter { $0 != .generatedIDs || generatedTokens > 0 }
        context = try PromptContext(prompt, image: image, on: model, path: "prompt")
        let limit = model.decoder.configuration.maximumPositions
        guard context.layout.tokens + max(0, generatedTokens - 1) <= limit else {
            throw InterventionError(
                .promptTooLong, at: "tokens",
                "the prompt has \(context.layout.tokens) tokens and \(generatedTokens) are to follow; \(model.name) takes \(limit)"
            )
        }
        let preparation = InterventionPreparation(
            model: model, seed: 0, variant: "trace", generates: generatedTokens > 0,
            defaultSource: sourceImage.map { [context] in context.showing($0) },
            states: states.mapValues(\.description))
        prepared = try preparation.prepare(interventions, in: context, path: "")
        self.measurements = try preparation.prepare(measurements, in: context, path: "")
    }

    /// The tensors of the file: those of ``tensors``, then what is measured beside.
    ///
    /// - Parameter image: the picture of the prompt.
    package func layout(image: EncodedImage) throws -> [TraceEntry] {
        let prompt = try model.prompt(context.text, images: [image])
        let shape = model.decoder.configuration
        return tensors.map {
            TraceEntry(
                $0.rawValue, shape: $0.shape(shape, prompt: prompt, image: image, generated: generatedTokens),
                isInteger: $0.isInteger)
        } + measurements.entries(on: shape)
    }

    /// Computes the run, sources of patches first.
    ///
    /// - Parameter images: the encoded picture of a name; asked for the prompt's and for those of source runs.
    /// - Returns: what else the run gave, with what the interventions did.
    /// - throws: what `images` and the sink throw.
    @discardableResult
    package func run(images: (String) throws -> EncodedImage, _ sink: some Sink) throws -> RunOutcome {
        let image = try images(context.image)
        let prompt = try model.prompt(context.text, images: [image])
        try write(prompt, image, to: sink)
        let run = ModelRun(model)
        let sources = try SourceStates(for: [prepared], run: run, states: states) {
            try model.prompt($0.text, images: [try images($0.image)])
        }
        let outcome = try run.run(
            prompt, interventions: prepared.resolved, sourceStates: sources.states(for: prepared),
            generation: generatedTokens > 0
                ? GenerationOptions(maximumTokens: generatedTokens, ignoresStopTokens: true) : nil,
            measuring: measurements,
            recording: ModelRun.Recording(tensors: Set(tensors)) { try sink.write($2, to: $0.rawValue, at: $1) })
        if tensors.contains(.generatedIDs), let generation = outcome.generation {
            try sink.write(generation.tokens.map { Int32($0.token.id) }, to: TraceTensor.generatedIDs.rawValue)
        }
        try outcome.measurements.write(to: sink)
        return outcome
    }

    private func write(_ prompt: Prompt, _ image: EncodedImage, to sink: some Sink) throws {
        for tensor in tensors {
            switch tensor {
            case .inputIDs: try sink.write(prompt.inputIDs.map(Int32.init), to: tensor.rawValue)
            case .pixelValues: try sink.write(image.pixelValues, to: tensor.rawValue, at: 0)
            case .codes: try sink.write(image.codes.map(Int32.init), to: tensor.rawValue)
            case .codeTokenIDs: try sink.write(image.tokenIDs.map(Int32.init), to: tensor.rawValue)
            default: break
            }
        }
    }
}
