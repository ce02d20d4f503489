import Foundation
import Interventions
import Models

/// The committed reference checkpoint, loaded once, with a prompt on each of its pictures.
struct TinyModel {
    let model: VisionLanguageModel
    let prompt: Prompt
    let otherPrompt: Prompt
    let context: PromptContext
    let otherContext: PromptContext

    static let goldens = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Goldens")

    init(_ name: String = "chameleon-tiny", numberFormat: NumberFormat? = nil) throws {
        let folder = Self.goldens.appending(path: name)
        model = try VisionLanguageModel(directory: folder, name: name, numberFormat: numberFormat)
        let text = PromptRequest.text("<image>What is it?")
        let model = model
        func encoded(_ file: String) throws -> EncodedImage {
            try model.encode(file: [UInt8](try Data(contentsOf: folder.appending(path: file))))
        }
        context = try PromptContext(text, image: "sha256:a", on: model, path: "prompt")
        otherContext = context.showing("sha256:b")
        prompt = try model.prompt(context.text, images: [try encoded("image_a.png")])
        otherPrompt = try model.prompt(context.text, images: [try encoded("image_b.png")])
    }

    func prompt(of context: PromptContext) -> Prompt { context == otherContext ? otherPrompt : prompt }

    /// What a run under `set` gives; patches without a source take the other picture's states.
    @discardableResult
    func run(
        _ set: InterventionSet, tokens: Int? = nil, source: PromptContext? = nil, on base: PromptContext? = nil,
        states: [String: StateTensor] = [:], measuring measurements: Measurements = Measurements()
    ) throws -> RunOutcome {
        let base = base ?? context
        let preparation = InterventionPreparation(
            model: model, seed: 0, variant: "v", generates: tokens != nil, defaultSource: source ?? otherContext,
            states: states.mapValues(\.description))
        let prepared = try preparation.prepare(set, in: base, path: "")
        let run = ModelRun(model)
        let sources = try SourceStates(for: [prepared], run: run, states: states) { prompt(of: $0) }
        return try run.run(
            prompt(of: base), interventions: prepared.resolved, sourceStates: sources.states(for: prepared),
            generation: tokens.map { GenerationOptions(maximumTokens: $0, ignoresStopTokens: true) },
            measuring: try preparation.prepare(measurements, in: base, path: "measure"))
    }
}
