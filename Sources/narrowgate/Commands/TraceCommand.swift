import ArgumentParser
import Foundation
import Interventions
import Logging
import Models
import Store
import StrictJSON

struct TraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Write what one run saw into a safetensors file.",
        discussion: """
            Pixels, codes, residual streams, attention, block outputs, logits and greedy tokens, for a notebook or for \
            comparing with another implementation. The tensors cover the prompt's tokens.

              narrowgate trace --model gate --image cat.png --tokens 12 --output cat.safetensors
              narrowgate trace --model gate --image cat.png --interventions cut.json --only logits,attn --output cut.safetensors

            where cut.json is an interventions object, such as

              {"knockouts": [{"queries": "text", "keys": "eoi", "mode": "zero"}]}

            or {"patches": [{"site": "resid_in", "layers": 3, "positions": "eoi"}]}, which takes its state from the \
            run of --source-image at the same prompt. Where HTTP has a state's digest, a trace has a file: \
            {"steers": [{"site": "resid_out", "layers": 3, "positions": "text", "direction": {"state": "cross.npy"}, \
            "scale": 2}]}; trace.safetensors#captures.0 names one tensor of several.

            --measure takes a file with captures, attention and logit_lens as in a job's measure; they become the \
            tensors captures.0, attention.0, logit_lens.0.ids and logit_lens.0.p, and so on.

            Tensors (T tokens, L layers, H hidden, V vocabulary): input_ids [T], pixel_values [1,3,height,width], \
            vq.codes, vq.token_ids, resid [L+1,T,H], attn [L,heads,T,T], attn_out and mlp_out [L,T,H], final_norm [T,H], \
            logits [T,V], generated_ids [tokens].
            """)

    @Option(help: "A checkpoint's folder, or a model's name.") var model: String
    @Option(help: "PNG or JPEG.") var image: String
    @Option(help: "The picture that patches without a source take their state from.") var sourceImage: String?
    @Option(
        help: ArgumentHelp(
            "A preset's name, or text; without a placeholder in it the picture comes first.",
            valueName: "preset-or-text"))
    var prompt: String?
    @Option(
        help: ArgumentHelp(
            "Text with placeholder and special tokens; nothing is added but what the tokenizer adds.", valueName: "text"
        ))
    var rawPrompt: String?
    @Option(help: ArgumentHelp("A file with an interventions object.", valueName: "file.json")) var interventions:
        String?
    @Option(help: ArgumentHelp("A file that says what is to be measured beside.", valueName: "file.json"))
    var measure: String?
    @Option(help: "How many tokens to generate, through end-of-sequence.") var tokens = 0
    @Option(help: ArgumentHelp("The tensors to write, separated by commas (default: all).", valueName: "names"))
    var only: String?
    @Option(help: ArgumentHelp("The file to write.", valueName: "file.safetensors")) var output: String
    @OptionGroup var models: ModelOptions

    func validate() throws {
        if prompt != nil, rawPrompt != nil { throw ValidationError("give --prompt or --raw-prompt, not both.") }
        guard (0...4096).contains(tokens) else { throw ValidationError("--tokens must be 0 to 4096.") }
        _ = try tensors
    }

    private var tensors: [TraceTensor] {
        get throws {
            guard let only else { return TraceTensor.allCases }
            let names = only.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            for name in names where TraceTensor(rawValue: name) == nil {
                let known = TraceTensor.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--only: there is no tensor \(name); tensors are \(known).")
            }
            guard !names.isEmpty else { throw ValidationError("--only names no tensor.") }
            return TraceTensor.allCases.filter { names.contains($0.rawValue) }
        }
    }

    func run() async throws {
        startLogging(.error)
        let model = try models.load(model)
        var set = try interventions.map { try read($0) { field in try InterventionSet(field) } } ?? InterventionSet()
        let measurements = try measure.map { try read($0, Self.measurements) } ?? Measurements()
        var pictures = TracePictures(model)
        try pictures.add(image)
        if let sourceImage { try pictures.add(sourceImage) }
        try pictures.resolve(&set)
        let states = try StateFiles(set.states)
        let trace = try Trace(
            request(on: model), image: try pictures.digest(of: image),
            sourceImage: try sourceImage.map { path throws(CommandError) in try pictures.digest(of: path) },
            on: model, interventions: set, generatedTokens: tokens, tensors: try tensors, measuring: measurements,
            states: states.states)
        let file = try TraceFile(path: output, layout: try trace.layout(image: try pictures.encoded(image)))
        try trace.run(images: { try pictures.encoded(digest: $0) }, file)
        try file.finish()
    }

    /// Reads a file of JSON as what it says.
    private func read<Value>(_ path: String, _ body: (JSONField) throws -> Value) throws -> Value {
        let value = try readJSON(path)
        do { return try body(JSONField(value)) } catch { throw CommandError("\(path): \(error)") }
    }

    private static func measurements(_ field: JSONField) throws(JSONError) -> Measurements {
        let members = try field.object()
        let measurements = try Measurements(members)
        try members.finish()
        return measurements
    }

    private func request(on model: VisionLanguageModel) -> PromptRequest {
        if let rawPrompt { return .text(rawPrompt) }
        guard let prompt else { return .preset(of: model) }
        if model.presets.contains(where: { $0.name == prompt }) { return .preset(prompt, question: nil) }
        return .text(prompt.contains(model.placeholder) ? prompt : model.placeholder + prompt)
    }
}
