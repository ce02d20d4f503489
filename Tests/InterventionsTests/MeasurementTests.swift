import Interventions
import Models
import StrictJSON
import Testing

@Suite("What is measured in a run")
struct MeasurementTests {
    private let tiny: TinyModel

    init() throws { tiny = try TinyModel() }

    private func measure(_ measurements: Measurements, under set: InterventionSet = InterventionSet()) throws
        -> MeasuredStates
    {
        try tiny.run(set, measuring: measurements).measurements
    }

    private func refusal(_ measurements: Measurements) -> InterventionError? {
        #expect(throws: InterventionError.self) { try measure(measurements) }
    }

    @Test("a captured state knows its site and layers; pooling makes one position of several")
    func captures() throws {
        let asked = Measurements.Capture(site: .headOut, layers: .list([.range(1..<3)]), positions: "image")
        var pooled = asked
        pooled.pool = .mean
        let measured = try measure(Measurements(captures: [asked, pooled]))
        let state = measured.captures[0].state
        let configuration = tiny.model.decoder.configuration
        #expect(
            state.description
                == StateDescription(
                    site: .headOut, layers: [1, 2], layerCount: 2, positions: 16, width: configuration.queryWidth))
        #expect(measured.captures[1].state == state.pooled)
        #expect(
            measured.captures[1].json(state: "sha256:aa")
                == [
                    "site": "head_out", "layers": "1..<3", "positions": "2..<18", "pool": "mean",
                    "state": "sha256:aa", "shape": [2, 1, .integer(configuration.queryWidth)],
                ])
    }

    @Test("what is captured is what the run goes on with: patched and steered")
    func capturesAfter() throws {
        let patch = Patch(site: .residIn, layers: .layer(1), positions: "eoi")
        let asked = Measurements(captures: [Measurements.Capture(site: .residIn, layers: .layer(1), positions: "eoi")])
        let patched = try measure(asked, under: InterventionSet(patches: [patch]))
        let source = try tiny.run(InterventionSet(), on: tiny.otherContext, measuring: asked).measurements
        #expect(patched == source)
    }

    @Test("attention by role adds up to what is left of 1, head by head and in the mean")
    func attention() throws {
        let asked = Measurements(attention: [
            .init(heads: .each(.all), queries: "last"), .init(queries: "last"),
            .init(queries: "text", overQueries: .mean), .init(queries: "last", keys: .each),
        ])
        let measured = try measure(asked)
        let configuration = tiny.model.decoder.configuration
        let perHead = measured.attention[0].rows
        #expect(perHead.count == configuration.layers * configuration.heads)
        #expect(
            perHead.allSatisfy { abs($0.weights.reduce(0, +) - 1) < 1e-5 && $0.query == tiny.prompt.layout.tokens - 1 })
        for layer in 0..<configuration.layers {
            let heads = perHead.filter { $0.layer == layer }
            let mean = measured.attention[1].rows[layer].weights
            for (key, weight) in mean.enumerated() {
                let expected = heads.reduce(0) { $0 + $1.weights[key] } / Double(heads.count)
                #expect(abs(weight - expected) < 1e-12)
            }
            let each = measured.attention[3].rows[layer].weights
            #expect(each.count == tiny.prompt.layout.tokens && abs(each[18] - mean[3]) < 1e-12)
        }
        #expect(measured.attention[2].rows.allSatisfy { $0.query == nil && $0.head == nil })
        let cut = InterventionSet(knockouts: [Knockout(queries: "last", keys: "image")])
        let left = try measure(asked, under: cut).attention[1].rows
        #expect(left.allSatisfy { $0.weights[2] == 0 && $0.weights.reduce(0, +) < 1 })
        #expect(
            measured.attention[1].json["keys"] == ["prefix", "soi", "image", "eoi", "text"]
                && measured.attention[1].json["heads"] == "mean" && measured.attention[0].json["heads"] == "all"
                && measured.attention[3].json["keys"] == "each")
    }

    @Test("the logit lens of the last layer is the model's own distribution, and a stored state is read the same")
    func logitLens() throws {
        let last = tiny.model.decoder.configuration.layers - 1
        let asked = Measurements(
            captures: [.init(site: .residOut, positions: ["eoi", "last"])],
            logitLens: [.init(positions: ["eoi", "last"], top: 3)])
        let outcome = try tiny.run(InterventionSet(), measuring: asked)
        let rows = outcome.measurements.logitLens[0].rows
        #expect(rows.count == 2 * (last + 1))
        let row = try #require(rows.last)
        #expect(row.layer == last && row.position == tiny.prompt.layout.tokens - 1)
        #expect(row.top.map(\.id) == outcome.nextToken.top(3).map(\.id))
        #expect(zip(row.top, outcome.nextToken.top(3)).allSatisfy { abs($0.probability - $1.probability) < 1e-6 })
        let state = outcome.measurements.captures[0].state
        let read = try LogitLens(tiny.model).read(state, top: 3, name: "s")
        #expect(read.map(\.top) == rows.map(\.top) && read.map(\.layer) == rows.map(\.layer))
        #expect(read.map(\.position) == rows.map { $0.position == 18 ? 0 : 1 })
        #expect(row.json["top"]?.arrayValue?.first?["text"] == .string(row.top[0].text))
    }

    @Test("a state that the head cannot read is refused")
    func unreadableState() throws {
        func read(_ site: Site?, width: Int, positions: Int = 1) -> InterventionError? {
            let shape = StateDescription(site: site, layers: nil, layerCount: 1, positions: positions, width: width)
            let state = StateTensor(shape, elements: Array(repeating: 1, count: width * positions))
            return #expect(throws: InterventionError.self) {
                try LogitLens(tiny.model).read(state, top: 100, name: "s")
            }
        }
        let hidden = tiny.model.decoder.configuration.hidden
        #expect(read(nil, width: hidden + 1)?.code == .stateMismatch)
        #expect(read(.headOut, width: hidden)?.code == .stateMismatch)
        #expect(read(nil, width: hidden, positions: 1001)?.code == .tooManyValues)
    }

    @Test("generated positions, places that are not there, and rows beyond the limit are refused at their field")
    func refusals() {
        let generated = refusal(Measurements(captures: [.init(site: .residIn, positions: ["eoi", "generated"])]))
        #expect(generated?.code == .unsupported && generated?.path == "measure.captures[0].positions[1]")
        let layer = refusal(Measurements(logitLens: [.init(layers: .layer(99))]))
        #expect(layer?.code == .layerOutOfRange && layer?.path == "measure.logit_lens[0].layers")
        let head = refusal(Measurements(attention: [.init(heads: .each(.list([.index(99)])))]))
        #expect(head?.code == .headOutOfRange && head?.path == "measure.attention[0].heads")
        let key = refusal(Measurements(attention: [.init(keys: .groups(["eoi", "eoi#2"]))]))
        #expect(key?.code == .unresolvedRole && key?.path == "measure.attention[0].keys[1]")
        let many = (0..<64).map { _ in Measurements.Attention(heads: .each(.all), queries: "all", keys: .each) }
        let all = refusal(Measurements(attention: many))
        #expect(all?.code == .tooManyValues && all?.path == "measure")
    }

    @Test("measuring changes nothing")
    func neutral() throws {
        let asked = Measurements(
            captures: Site.allCases.map { .init(site: $0, positions: "all") },
            attention: [.init(heads: .each(.all), queries: "all")], logitLens: [.init(positions: "text")])
        let measured = try tiny.run(InterventionSet(), tokens: 3, measuring: asked)
        let plain = try tiny.run(InterventionSet(), tokens: 3)
        #expect(measured.nextToken.logits == plain.nextToken.logits && measured.generation == plain.generation)
    }
}
