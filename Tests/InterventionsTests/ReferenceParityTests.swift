import Checkpoints
import Foundation
import Interventions
import Models
import Numerics
import StrictJSON
import Testing

/// A committed checkpoint with what the reference implementation computed under interventions.
private struct Reference {
    let model: VisionLanguageModel
    let prompt: Prompt
    let otherPrompt: Prompt
    let context: PromptContext
    let document: JSONValue
    let tensors: SafetensorsFile

    static let names = ["chameleon-tiny", "chameleon-34b-tiny"]

    init(_ name: String) throws {
        let folder = TinyModel.goldens.appending(path: name)
        let model = try VisionLanguageModel(directory: folder, name: name)
        self.model = model
        document = try JSONParser.parse(try Data(contentsOf: folder.appending(path: "reference.json")))
        tensors = try SafetensorsFile(path: folder.appending(path: "reference.safetensors").path)
        let text = try #require(document["prompt"]?.stringValue)
        func encoded(_ file: String) throws -> Prompt {
            let picture = [UInt8](try Data(contentsOf: folder.appending(path: file)))
            return try model.prompt(text, images: [try model.encode(file: picture)])
        }
        prompt = try encoded("image_a.png")
        otherPrompt = try encoded("image_b.png")
        context = try PromptContext(.text(text), image: "a", on: model, path: "prompt")
    }

    func floats(_ name: String) throws -> [Float] {
        try tensors.withBytes(of: name) { _, bytes in
            (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
        }
    }

    /// One of the reference's seven knockouts as a request would spell it.
    ///
    /// Text queries go on into generated positions; its other queries are positions of the prompt.
    func knockout(_ name: String) throws -> InterventionSet {
        let given = try #require(document["interventions"]?[name])
        func positions(_ value: JSONValue?) throws -> PositionExpression {
            try PositionExpression(JSONField(try #require(value)))
        }
        var queries = try positions(given["queries"])
        if given["queries"] == document["positions"]?["text"] { queries = .list([queries, .role("generated")]) }
        let layers = try LayerSelection(JSONField(try #require(given["layers"])))
        return InterventionSet(knockouts: [
            Knockout(
                queries: queries, keys: try positions(given["keys"]), layers: layers,
                mode: given["mode"] == "pre" ? .mask : .zero)
        ])
    }

    func run(_ set: InterventionSet, tokens: Int? = nil) throws -> RunOutcome {
        let prepared = try InterventionPreparation(
            model: model, seed: 0, variant: "", generates: tokens != nil, defaultSource: context.showing("b")
        ).prepare(set, in: context, path: "")
        let run = ModelRun(model)
        let sources = try SourceStates(for: [prepared], run: run) { $0.image == "b" ? otherPrompt : prompt }
        return try run.run(
            prompt, interventions: prepared.resolved, sourceStates: sources.states(for: prepared),
            generation: tokens.map { GenerationOptions(maximumTokens: $0, ignoresStopTokens: true) })
    }
}

/// The largest difference over the largest absolute value; infinite where the masks differ.
private func relativeError(_ actual: [Float], _ expected: some Sequence<Float>) -> Float {
    let masked = -Float.greatestFiniteMagnitude
    var difference: Float = 0
    var largest: Float = 0
    for (a, e) in zip(actual, expected) {
        if a == masked || e == masked {
            if a != e { return .infinity }
            continue
        }
        difference = max(difference, abs(a - e))
        largest = max(largest, abs(e))
    }
    return difference / largest
}

@Suite("Interventions agree with the reference implementation")
struct ReferenceParityTests {
    /// Design §7.
    private let bar: Float = 1e-4

    static let knockouts = [
        "ko_eoi_post", "ko_eoi_pre", "ko_image_post", "ko_image_pre", "ko_eoi_allq_post", "ko_last_image_post",
        "ko_image_to_image_pre",
    ]

    @Test("all seven knockouts give its next-token logits", arguments: Reference.names, knockouts)
    func knockout(checkpoint: String, name: String) throws {
        let reference = try Reference(checkpoint)
        let outcome = try reference.run(try reference.knockout(name))
        let expected = try reference.floats("\(name).logits_last")
        #expect(outcome.nextToken.logits.count == expected.count)
        #expect(relativeError(outcome.nextToken.logits, expected) <= bar)
        // The clean run is further away than rounding: the knockout did something.
        let clean = try reference.run(InterventionSet())
        #expect(relativeError(clean.nextToken.logits, expected) > bar)
    }

    @Test(
        "greedy continuations are its, clean and cut", arguments: Reference.names,
        ["clean", "ko_eoi_post", "ko_eoi_pre", "ko_image_post"])
    func greedy(checkpoint: String, name: String) throws {
        let reference = try Reference(checkpoint)
        let expected = try #require(reference.document["greedy"]?[name]?["tokens"]?.arrayValue)
        let set = name == "clean" ? InterventionSet() : try reference.knockout(name)
        let generation = try #require(try reference.run(set, tokens: expected.count).generation)
        #expect(generation.tokens.map { JSONValue.integer($0.token.id) } == expected)
    }

    @Test(
        "patching from the other picture's run gives its logits at every layer", arguments: Reference.names,
        [("patch_eoi", "eoi"), ("patch_last_image", "last_image"), ("patch_image_all", "image")])
    func patch(checkpoint: String, golden: (name: String, role: String)) throws {
        let reference = try Reference(checkpoint)
        let all = try reference.floats("\(golden.name).logits_last")
        let layers = reference.model.decoder.configuration.layers
        let vocabulary = all.count / layers
        for layer in 0..<layers {
            let patch = Patch(
                site: .residIn, layers: .list([.index(layer)]), positions: .role(golden.role))
            let outcome = try reference.run(InterventionSet(patches: [patch]))
            let expected = all[layer * vocabulary..<(layer + 1) * vocabulary]
            #expect(relativeError(outcome.nextToken.logits, expected) <= bar, "layer \(layer)")
        }
    }
}
