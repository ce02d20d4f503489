import Foundation
import Models
import Numerics
import Testing

/// Keeps everything that a pass shows.
final class Recorder: ForwardHooks {
    private(set) var states: [Site: [Float]] = [:]
    private(set) var last: [Float] = []
    private(set) var attention: [Float] = []
    private(set) var normed: [Float] = []
    private(set) var boundaries: [Int] = []

    func willEnter(layer: Int) { boundaries.append(layer) }
    func wants(_ site: Site, layer: Int) -> Bool { true }
    func visit(_ site: Site, layer: Int, positions: Range<Int>, state: inout Matrix) {
        states[site, default: []] += state.elements
        if site == .residOut { last = state.elements }
    }
    func wantsAttention(layer: Int) -> Bool { true }
    func weights(layer: Int, head: Int, positions: Range<Int>, _ weights: inout Matrix) {
        attention += weights.elements
    }
    func finalNorm(positions: Range<Int>, state: Matrix) { normed = state.elements }
}

@Suite("Parity with the reference implementation") struct ParityTests {
    static let bar = 1e-4

    /// Prints the figure where asked to, so that the notes' table can be made from a test run.
    private func check(_ name: String, _ tensor: String, _ actual: [Float], _ expected: [Float]) {
        let error = relativeError(actual, expected)
        if ProcessInfo.processInfo.environment["NARROWGATE_GOLDENS"] != nil { print("\(name) \(tensor) \(error)") }
        #expect(error <= Self.bar, "\(name): \(tensor)")
    }

    @Test("pictures become the same pixels, codes and tokens", arguments: Golden.names)
    func pictures(name: String) throws {
        let golden = try Golden(name)
        let model = try golden.model()
        for (key, prefix) in [("a", ""), ("b", "b.")] {
            let image = try model.encode(file: golden.picture(key))
            #expect(image.pixelValues == (try golden.floats("\(prefix)pixel_values")), "\(name): picture \(key)")
            #expect(image.codes == (try golden.integers("\(prefix)vq.codes")))
            #expect(image.tokenIDs == (try golden.integers("\(prefix)vq.token_ids")))
        }
    }

    @Test("the VQ encoder agrees stage by stage", arguments: Golden.names)
    func encoder(name: String) throws {
        let golden = try Golden(name)
        let model = try golden.model()
        var stages: [VQEncoder.Stage] = []
        _ = try model.vqEncoder?.latents(golden.floats("pixel_values"), boundary: nil) { stage, map in
            stages.append(stage)
            var planes: [Float] = []
            for channel in 0..<map.channels {
                for pixel in 0..<map.states.rows { planes.append(map.states[pixel, channel]) }
            }
            check(name, stage.rawValue, planes, (try? golden.floats(stage.rawValue)) ?? [])
        }
        #expect(stages == VQEncoder.Stage.allCases)
    }

    @Test("one pass over the prompt agrees at every site, in attention and in logits", arguments: Golden.names)
    func prefill(name: String) throws {
        let golden = try Golden(name)
        let model = try golden.model()
        let prompt = try model.prompt(golden.prompt, images: [model.encode(file: golden.picture("a"))])
        #expect(prompt.inputIDs == (try golden.integers("input_ids")))

        let recorder = Recorder()
        var cache = KVCache(configuration: model.decoder.configuration)
        let states = try model.decoder.forward(
            model.decoder.embed(prompt.embeddingIDs), cache: &cache, hooks: recorder)
        check(name, "resid", (recorder.states[.residIn] ?? []) + recorder.last, try golden.floats("resid"))
        check(name, "attn", recorder.attention, try golden.floats("attn"))
        check(name, "attn_out", recorder.states[.attnOut] ?? [], try golden.floats("attn_out"))
        check(name, "mlp_out", recorder.states[.mlpOut] ?? [], try golden.floats("mlp_out"))
        check(name, "final_norm", recorder.normed, try golden.floats("final_norm"))
        check(name, "logits", model.decoder.logits(states).elements, try golden.floats("logits"))
        #expect(recorder.boundaries == Array(0...model.decoder.configuration.layers))
        #expect(recorder.normed == states.elements)

        var unhooked = KVCache(configuration: model.decoder.configuration)
        let plain = try model.decoder.forward(model.decoder.embed(prompt.embeddingIDs), cache: &unhooked)
        #expect(plain == states, "looking must not change the bits")
    }

    @Test("greedy continuation through the cache gives the same tokens", arguments: Golden.names)
    func greedy(name: String) throws {
        let golden = try Golden(name)
        let model = try golden.model()
        let prompt = try model.prompt(golden.prompt, images: [model.encode(file: golden.picture("a"))])
        let expected = try golden.greedy("clean")
        #expect(try continued(model, prompt, tokens: expected.count, hooks: nil) == expected)
    }

    @Test(
        "knocking out [EOI] before and after softmax agrees, in the last logits and in the continuation",
        arguments: Golden.names, ["ko_eoi_post", "ko_eoi_pre"])
    func knockout(name: String, variant: String) throws {
        let golden = try Golden(name)
        let model = try golden.model()
        let prompt = try model.prompt(golden.prompt, images: [model.encode(file: golden.picture("a"))])
        let eoi = try golden.position("eoi")
        let cut = EdgeCut(key: eoi, queriesAfter: eoi, masks: variant.hasSuffix("pre"))
        var cache = KVCache(configuration: model.decoder.configuration)
        let states = try model.decoder.forward(model.decoder.embed(prompt.embeddingIDs), cache: &cache, hooks: cut)
        let logits = model.decoder.logits(states.rows(states.rows - 1..<states.rows))
        check(name, "\(variant).logits_last", logits.elements, try golden.floats("\(variant).logits_last"))
        let expected = try golden.greedy(variant)
        #expect(try continued(model, prompt, tokens: expected.count, hooks: cut) == expected)
    }

    @Test("patching [EOI] from another picture's run agrees at every layer", arguments: Golden.names)
    func patch(name: String) throws {
        let golden = try Golden(name)
        let model = try golden.model()
        let prompt = try model.prompt(golden.prompt, images: [model.encode(file: golden.picture("a"))])
        let eoi = try golden.position("eoi")
        let width = model.decoder.configuration.hidden
        for layer in 0..<model.decoder.configuration.layers {
            let source = try golden.slice("b.resid", layer)
            let patch = ResidualPatch(
                layer: layer, position: eoi, state: Array(source[eoi * width..<(eoi + 1) * width]))
            var cache = KVCache(configuration: model.decoder.configuration)
            let states = try model.decoder.forward(
                model.decoder.embed(prompt.embeddingIDs), cache: &cache, hooks: patch)
            let logits = model.decoder.logits(states.rows(states.rows - 1..<states.rows))
            check(
                name, "patch_eoi.logits_last[\(layer)]", logits.elements,
                try golden.slice("patch_eoi.logits_last", layer))
        }
    }

    private func continued(
        _ model: VisionLanguageModel, _ prompt: Prompt, tokens: Int, hooks: (any ForwardHooks)?
    ) throws -> [Int] {
        var cache = KVCache(configuration: model.decoder.configuration)
        var states = try model.decoder.forward(
            model.decoder.embed(prompt.embeddingIDs), cache: &cache, hooks: hooks)
        var generated: [Int] = []
        while generated.count < tokens {
            let logits = model.decoder.logits(states.rows(states.rows - 1..<states.rows)).elements
            generated.append(logits.indices.reduce(0) { logits[$1] > logits[$0] ? $1 : $0 })
            states = try model.decoder.forward(
                model.decoder.embed(generated.suffix(1)), cache: &cache, hooks: hooks)
        }
        return generated
    }
}

/// Cuts the edges from all queries after a position to one key, in all layers and heads.
final class EdgeCut: ForwardHooks {
    private let key: Int
    private let queriesAfter: Int
    private let masks: Bool

    init(key: Int, queriesAfter: Int, masks: Bool) {
        self.key = key
        self.queriesAfter = queriesAfter
        self.masks = masks
    }

    func wantsAttention(layer: Int) -> Bool { true }
    func scores(layer: Int, head: Int, positions: Range<Int>, _ scores: inout Matrix) {
        if masks { set(&scores, positions, -.infinity) }
    }
    func weights(layer: Int, head: Int, positions: Range<Int>, _ weights: inout Matrix) {
        if !masks { set(&weights, positions, 0) }
    }
    private func set(_ matrix: inout Matrix, _ positions: Range<Int>, _ value: Float) {
        for position in positions where position > queriesAfter { matrix[position - positions.lowerBound, key] = value }
    }
}

/// Replaces the residual stream at one layer's input and one position.
final class ResidualPatch: ForwardHooks {
    private let layer: Int
    private let position: Int
    private let state: [Float]

    init(layer: Int, position: Int, state: [Float]) {
        self.layer = layer
        self.position = position
        self.state = state
    }

    func wants(_ site: Site, layer: Int) -> Bool { site == .residIn && layer == self.layer }
    func visit(_ site: Site, layer: Int, positions: Range<Int>, state: inout Matrix) {
        guard positions.contains(position) else { return }
        state.setRow(position - positions.lowerBound, self.state)
    }
}
