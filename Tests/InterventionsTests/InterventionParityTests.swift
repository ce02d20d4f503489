import Interventions
import Models
import StrictJSON
import Testing

/// Patches at every site, cuts in every mode, steers, mixtures, generation and measurements, against PyTorch hooks.
@Suite("Interventions agree with hooks on the reference implementation")
struct InterventionParityTests {
    /// As for traces. Measured: below 4e-6.
    static let bar = TraceParityTests.bar

    @Test(
        "every case: logits, residual stream, greedy tokens, and what it measures",
        arguments: InterventionGoldens.checkpoints)
    func cases(checkpoint: String) throws {
        let goldens = try InterventionGoldens(checkpoint)
        let names = InterventionGoldens.names(checkpoint)
        #expect(names.count == 50)
        for name in names {
            let trace = try goldens.trace(name, writing: [.residualStream, .logits, .generatedIDs])
            func agrees(_ values: [Float]?, _ tensor: String) throws {
                let error = ReferenceRun.relativeError(try #require(values), try goldens.floats("\(name).\(tensor)"))
                #expect(error <= Self.bar, "\(name): \(tensor)")
            }
            try agrees(trace.lastRow(.logits, of: 0), "logits_last")
            let layers = goldens.model.decoder.configuration.layers
            try agrees((0...layers).flatMap { trace.lastRow(.residualStream, of: $0) ?? [] }, "resid_last")
            if let greedy = try goldens.entry(name)["greedy"]?.arrayValue {
                #expect(trace.integers[.generatedIDs]?.map { JSONValue.integer(Int($0)) } == greedy, "\(name)")
            }
            for tensor in goldens.measured(name) {
                #expect(try trace.shapes[tensor] == goldens.shape("\(name).\(tensor)"), "\(name): \(tensor)")
                if tensor.hasSuffix(".ids") {
                    #expect(try trace.integers[tensor] == goldens.integers("\(name).\(tensor)"), "\(name): \(tensor)")
                } else {
                    try agrees(trace.floats[tensor], tensor)
                }
            }
        }
    }

    @Test("every case does something to the run, but for the clean one and those that wait for generated tokens")
    func effects() throws {
        let late = [
            "generate.steer_generated", "generate.steer_heads", "generate.mask", "generate.own", "measure.clean",
        ]
        for checkpoint in InterventionGoldens.checkpoints {
            let goldens = try InterventionGoldens(checkpoint)
            for name in InterventionGoldens.names(checkpoint) {
                let change = try #require(goldens.entry(name)["largest_change"]?.doubleValue)
                #expect((change == 0) == late.contains(name), "\(name)")
            }
        }
    }

    @Test("interventions are spelled back as they came, states and steers too")
    func canonical() throws {
        let goldens = try InterventionGoldens("chameleon-tiny")
        for name in InterventionGoldens.names("chameleon-tiny") {
            let set = try InterventionSet(JSONField(try #require(goldens.entry(name)["interventions"])))
            #expect(try InterventionSet(JSONField(set.json)) == set, "\(name)")
        }
    }
}
