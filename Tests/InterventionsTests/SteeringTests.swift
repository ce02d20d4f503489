import Interventions
import Models
import Numerics
import StrictJSON
import Testing

/// States as patch sources and as directions.
@Suite("Patches from states and steering")
struct SteeringTests {
    private let tiny: TinyModel
    private let width: Int

    init() throws {
        tiny = try TinyModel()
        width = tiny.model.decoder.configuration.hidden
    }

    private func state(
        _ layers: [Int]? = nil, layerCount: Int? = nil, positions: Int = 1, site: Site? = nil, width: Int? = nil,
        value: Float = 1
    ) -> StateTensor {
        let shape = StateDescription(
            site: site, layers: layers, layerCount: layerCount ?? layers?.count ?? 1, positions: positions,
            width: width ?? self.width)
        return StateTensor(
            shape, elements: (0..<shape.layerCount * positions * shape.width).map { value + Float($0 % 7) / 8 })
    }

    private func patch(
        _ positions: PositionExpression, at site: Site = .residIn, layers: LayerSelection = .layer(1),
        from sourcePositions: PositionExpression? = nil
    ) -> InterventionSet {
        InterventionSet(patches: [
            Patch(
                site: site, layers: layers, positions: positions, source: PatchSource(state: "s"),
                sourcePositions: sourcePositions)
        ])
    }

    private func steer(
        _ positions: PositionExpression, at site: Site = .residIn, layers: LayerSelection = .layer(1), scale: Double = 1
    ) -> InterventionSet {
        InterventionSet(steers: [
            Steer(site: site, layers: layers, positions: positions, direction: "s", scale: scale)
        ])
    }

    private func refusal(_ set: InterventionSet, _ state: StateTensor, tokens: Int? = nil) -> InterventionError? {
        #expect(throws: InterventionError.self) { try tiny.run(set, tokens: tokens, states: ["s": state]) }
    }

    @Test("what a state does not fit is refused at the field that names it")
    func mismatches() throws {
        let wide = refusal(patch("eoi"), state(width: width + 1))
        #expect(wide?.code == .stateMismatch && wide?.path == "patches[0].source.state")
        let elsewhere = refusal(steer("eoi"), state(site: .mlpOut))
        #expect(elsewhere?.code == .stateMismatch && elsewhere?.path == "steers[0].direction.state")
        let layer = refusal(steer("eoi"), state([0, 2]))
        #expect(layer?.code == .stateMismatch && layer?.detail.contains("layer(s) 0, 2") == true)
        #expect(refusal(patch("eoi", layers: .all), state(layerCount: 2))?.code == .stateMismatch)
        let heads = refusal(steer("eoi", at: .headOut), state(width: width * 2))
        #expect(heads?.code == .stateMismatch)
    }

    @Test("a state that nobody has is named")
    func unknown() {
        let error = #expect(throws: InterventionError.self) { try tiny.run(patch("eoi")) }
        #expect(error?.code == .unknownState && error?.path == "patches[0].source.state")
        #expect(throws: InterventionError.self) { try tiny.run(steer("eoi")) }
    }

    @Test("a state of one position goes to every position of a patch; several pair in order")
    func positions() throws {
        let everywhere = try tiny.run(patch("image"), states: ["s": state(), "t": state()])
        let repeated = StateTensor(
            StateDescription(site: nil, layers: nil, layerCount: 1, positions: 16, width: width),
            elements: Array(repeating: state().elements, count: 16).flatMap { $0 })
        #expect(try tiny.run(patch("image"), states: ["s": repeated]).nextToken.logits == everywhere.nextToken.logits)
        let chosen = try tiny.run(patch("2..<5", from: [0, "4..<6"]), states: ["s": state(positions: 8)])
        let direct = try tiny.run(patch("2..<5", from: "2..<5"), states: ["s": state(positions: 8)])
        #expect(chosen.receipt.moves[0].norms != direct.receipt.moves[0].norms)
        #expect(refusal(patch("2..<5"), state(positions: 8))?.code == .positionCountMismatch)
        #expect(refusal(patch("2..<5", from: "6..<9"), state(positions: 8))?.code == .positionOutOfRange)
        let role = refusal(patch("2..<5", from: "image"), state(positions: 8))
        #expect(role?.code == .unresolvedRole && role?.path == "patches[0].source_positions")
    }

    @Test("a steer moves each position by scale times the direction, and the receipt says so")
    func receipt() throws {
        let outcome = try tiny.run(steer(["eoi", "last"], scale: -3), states: ["s": state()])
        let shift = try #require(outcome.receipt.shifts.first)
        let norm = state().norms[0][0]
        #expect(abs(shift.moved - 3 * norm * 2.0.squareRoot()) < 1e-4 * norm)
        #expect(shift.layer == 1 && shift.scale == -3 && shift.positions == "18, \(tiny.prompt.layout.tokens - 1)")
        let json = outcome.receipt.json["steers"]?.arrayValue?.first
        #expect(json?["site"] == "resid_in" && json?["moved"]?.doubleValue == shift.moved)
    }

    @Test("patches act first, then steers, which add up")
    func order() throws {
        let states = ["s": state(), "t": state(value: -2)]
        var both = patch("eoi")
        both.steers = steer("eoi", scale: 2).steers + steer("eoi", scale: 0.5).steers
        both.steers[1].direction = "t"
        let sum = StateTensor(
            state().description,
            elements: zip(state().elements, state(value: -2).elements).map { ($0 + 2 * $0) + 0.5 * $1 })
        let patched = try tiny.run(patch("eoi"), states: ["s": sum])
        let outcome = try tiny.run(both, states: states)
        #expect(outcome.nextToken.logits == patched.nextToken.logits)
        #expect(outcome.receipt.shifts[0].norms.before == outcome.receipt.moves[0].norms.after)
    }

    @Test(
        "steering text and all reaches generated tokens; an index does not; generated alone leaves the prompt as it is")
    func time() throws {
        let clean = try tiny.run(InterventionSet(), tokens: 4)
        let states = ["s": state()]
        let late = try tiny.run(steer("generated", scale: 4), tokens: 4, states: states)
        #expect(late.nextToken.logits == clean.nextToken.logits)
        #expect(late.generation != clean.generation)
        #expect(late.receipt.shifts[0].positions == "generated")
        // Three of the four tokens are read again.
        let norm = state().norms[0][0]
        #expect(abs(late.receipt.shifts[0].moved - 4 * norm * 3.0.squareRoot()) < 1e-4 * norm)
        let text = try tiny.run(steer("text", scale: 0.25), tokens: 4, states: states)
        let prompt = try tiny.run(steer("19...", scale: 0.25), tokens: 4, states: states)
        #expect(text.nextToken.logits == prompt.nextToken.logits)
        #expect(text.generation?.tokens.first == prompt.generation?.tokens.first)
        #expect(text.generation?.tokens.dropFirst() != prompt.generation?.tokens.dropFirst())
        #expect(refusal(steer("generated"), state())?.code == .nothingToDo)
    }

    @Test("a direction of several positions pairs with the prompt's, and has none for generated ones")
    func paired() throws {
        let tokens = tiny.prompt.layout.tokens
        let direction = state(positions: tokens - 19)
        #expect(throws: Never.self) { try tiny.run(steer("text"), states: ["s": direction]) }
        let generated = refusal(steer("text"), direction, tokens: 2)
        #expect(generated?.code == .unsupported && generated?.detail.contains("\"19..<\(tokens)\"") == true)
        #expect(throws: Never.self) { try tiny.run(steer("19..."), tokens: 2, states: ["s": direction]) }
        #expect(refusal(steer("eoi"), direction)?.code == .positionCountMismatch)
    }

    @Test("each layer of a state goes to its own layer")
    func layers() throws {
        let two = state([1, 3])
        let together = try tiny.run(patch("eoi", layers: .list([.index(1), .index(3)])), states: ["s": two])
        var apart = patch("eoi", layers: .layer(1))
        apart.patches += patch("eoi", layers: .layer(3)).patches
        apart.patches[0].source = PatchSource(state: "one")
        apart.patches[1].source = PatchSource(state: "three")
        func layer(_ index: Int) -> StateTensor {
            StateTensor(
                StateDescription(site: nil, layers: nil, layerCount: 1, positions: 1, width: width),
                elements: two.slice(index).elements)
        }
        let outcome = try tiny.run(apart, states: ["one": layer(0), "three": layer(1)])
        #expect(outcome.nextToken.logits == together.nextToken.logits)
    }

    @Test("a source run may be patched from a state, and is never asked about generated positions")
    func sourceRun() throws {
        let inner = patch("eoi")
        let outer = InterventionSet(patches: [
            Patch(
                site: .residOut, layers: .layer(2), positions: .role("last"),
                source: PatchSource(interventions: inner))
        ])
        #expect(outer.states == ["s"])
        let outcome = try tiny.run(outer, states: ["s": state()])
        #expect(outcome.receipt.moves[0].moved > 0)
        var late = outer
        late.patches[0].source?.interventions = InterventionSet(
            knockouts: [Knockout(queries: .role("generated"), keys: .role("eoi"))])
        let error = #expect(throws: InterventionError.self) { try tiny.run(late, tokens: 3) }
        #expect(error?.code == .nothingToDo && error?.path == "patches[0].source.interventions.knockouts[0]")
    }

    @Test("a steer that makes a variant a layer is a sweep")
    func sweep() throws {
        let variant = Variant(name: "v", interventions: steer("eoi", layers: .each))
        #expect(try variant.layerSweep(path: "variants[0]")?.path == "variants[0].steers[0].layers")
    }
}

extension PositionExpression: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
    init(stringLiteral value: String) {
        self = (try? PositionExpression(JSONField(.string(value)))) ?? .list([])
    }
    init(integerLiteral value: Int) { self = .index(value) }
    init(arrayLiteral elements: PositionExpression...) { self = .list(elements) }
}
