import Checkpoints
import Foundation
import Interventions
import Models
import StrictJSON
import Testing

/// The committed reference checkpoints, run plain and under every intervention that the reference was run under.
@Suite("Traces agree with the reference implementation")
struct TraceParityTests {
    static let checkpoints = ["chameleon-tiny", "chameleon-34b-tiny"]
    static let knockouts = [
        "ko_eoi_post", "ko_eoi_pre", "ko_image_post", "ko_image_pre", "ko_eoi_allq_post", "ko_last_image_post",
        "ko_image_to_image_pre",
    ]
    /// Design §7: of the tensor's largest absolute value. Measured: below 3e-6.
    static let bar = 1e-4

    @Test("a plain run: pixels, codes, ids, every state, logits and greedy tokens", arguments: checkpoints)
    func plain(checkpoint: String) throws {
        let reference = try ReferenceRun(checkpoint)
        let trace = try reference.trace(generating: try reference.greedy("clean").count)
        for tensor in [TraceTensor.inputIDs, .codes, .codeTokenIDs] {
            #expect(trace.integers[tensor] == (try reference.integers(tensor.rawValue)), "\(tensor.rawValue)")
        }
        let floats: [TraceTensor] = [
            .pixelValues, .residualStream, .attention, .attentionOutput, .feedForwardOutput, .finalNorm, .logits,
        ]
        for tensor in floats {
            let values = try #require(trace.floats[tensor])
            #expect(trace.shapes[tensor] == (try reference.shape(tensor.rawValue)), "\(tensor.rawValue)")
            #expect(
                ReferenceRun.relativeError(values, try reference.floats(tensor.rawValue)) <= Self.bar,
                "\(tensor.rawValue)")
        }
        #expect(trace.integers[.generatedIDs] == (try reference.greedy("clean")))
    }

    @Test("the other picture's run", arguments: checkpoints)
    func otherPicture(checkpoint: String) throws {
        let reference = try ReferenceRun(checkpoint)
        let trace = try reference.trace(of: "b")
        #expect(trace.integers[.codes] == (try reference.integers("b.vq.codes")))
        for tensor in [TraceTensor.pixelValues, .residualStream, .logits] {
            let values = try #require(trace.floats[tensor])
            #expect(
                ReferenceRun.relativeError(values, try reference.floats("b.\(tensor.rawValue)")) <= Self.bar,
                "\(tensor.rawValue)")
        }
    }

    @Test("a knockout: logits, residual stream, edited attention, greedy tokens", arguments: checkpoints, knockouts)
    func knockout(checkpoint: String, name: String) throws {
        let reference = try ReferenceRun(checkpoint)
        let set = try reference.knockout(name)
        let greedy = reference.optionalGreedy(name)
        let trace = try reference.trace(under: set, generating: greedy?.count ?? 0)
        let logits = try #require(trace.lastRow(.logits, of: 0))
        #expect(ReferenceRun.relativeError(logits, try reference.floats("\(name).logits_last")) <= Self.bar)
        let states = try (0...reference.layers).flatMap { try #require(trace.lastRow(.residualStream, of: $0)) }
        #expect(ReferenceRun.relativeError(states, try reference.floats("\(name).resid_last_pos")) <= Self.bar)
        if name == "ko_eoi_post" {
            let attention = try #require(trace.floats[.attention])
            #expect(ReferenceRun.relativeError(attention, try reference.floats("\(name).attn")) <= Self.bar)
        }
        if let greedy { #expect(trace.integers[.generatedIDs] == greedy) }
    }

    @Test(
        "a patch at every layer, of [EOI], of the last image token, of the whole image", arguments: checkpoints,
        ["patch_eoi", "patch_last_image", "patch_image_all"])
    func patches(checkpoint: String, name: String) throws {
        let reference = try ReferenceRun(checkpoint)
        let positions = ["patch_eoi": "eoi", "patch_last_image": "last_image", "patch_image_all": "image"]
        let expected = try reference.floats("\(name).logits_last")
        let width = expected.count / reference.layers
        for layer in 0..<reference.layers {
            let patch = Patch(
                site: .residIn, layers: .list([.index(layer)]), positions: .role(try #require(positions[name])))
            let trace = try reference.trace(under: InterventionSet(patches: [patch]), writing: [.logits])
            let logits = try #require(trace.lastRow(.logits, of: 0))
            #expect(
                ReferenceRun.relativeError(logits, Array(expected[layer * width..<(layer + 1) * width])) <= Self.bar,
                "layer \(layer)")
        }
    }

    @Test("a patch without a source needs a source picture")
    func missingSource() throws {
        let reference = try ReferenceRun("chameleon-tiny")
        let patch = Patch(site: .residIn, layers: .list([.index(1)]), positions: .role("eoi"))
        let error = #expect(throws: InterventionError.self) {
            try Trace(
                .text(reference.prompt), image: "a", on: reference.model,
                interventions: InterventionSet(patches: [patch]))
        }
        #expect(error?.code == .missingSource)
        #expect(error?.path == "patches[0].source")
    }

    @Test("a sink that fails ends the run with its error")
    func failingSink() throws {
        struct Full: Error {}
        struct FailingSink: Trace.Sink {
            func write(_ values: [Float], to tensor: String, at element: Int) throws {
                if tensor == TraceTensor.attention.rawValue { throw Full() }
            }
            func write(_ values: [Int32], to tensor: String) {}
        }
        let reference = try ReferenceRun("chameleon-tiny")
        let trace = try Trace(.text(reference.prompt), image: "a", on: reference.model)
        #expect(throws: Full.self) { try trace.run(images: { try reference.encoded($0) }, FailingSink()) }
    }
}
