import Interventions
import Models
import Numerics
import StrictJSON
import Testing

@Suite("Sweeps") struct SweepTests {
    static let checkpoints = ["chameleon-tiny", "chameleon-34b-tiny"]
    /// A checkpoint in a number format.
    struct Case: CustomStringConvertible, Sendable {
        let checkpoint: String
        let format: NumberFormat
        var description: String { "\(checkpoint) in \(format.rawValue)" }
    }

    static let cases = NumberFormat.allCases.flatMap { format in
        checkpoints.map { Case(checkpoint: $0, format: format) }
    }

    private static let options = GenerationOptions(maximumTokens: 5, ignoresStopTokens: true)

    private struct Bench {
        let tiny: TinyModel
        let run: ModelRun
        let cache = CleanRunCache()
        /// A direction that fits every site and layer.
        let states: [String: StateTensor]

        init(_ checkpoint: String, _ format: NumberFormat = .float32) throws {
            tiny = try TinyModel(checkpoint, numberFormat: format)
            run = ModelRun(tiny.model)
            let width = tiny.model.decoder.configuration.hidden
            states = [
                "direction": StateTensor(
                    StateDescription(site: nil, layers: nil, layerCount: 1, positions: 1, width: width),
                    elements: (0..<width).map { Float($0 % 5) / 8 - 0.25 })
            ]
        }

        func prepared(_ sets: [InterventionSet]) throws -> [PreparedInterventions] {
            try sets.map {
                try InterventionPreparation(
                    model: tiny.model, seed: 0, variant: "v", generates: true, defaultSource: tiny.otherContext,
                    states: states.mapValues(\.description)
                ).prepare($0, in: tiny.context, path: "")
            }
        }

        /// The variants as a sweep computes them.
        func swept(_ sets: [InterventionSet], generation: GenerationOptions? = SweepTests.options) throws
            -> [RunOutcome]
        {
            let prepared = try prepared(sets)
            let sources = try SourceStates(for: prepared, run: run, states: states, cleanRuns: cache) {
                tiny.prompt(of: $0)
            }
            return try Sweep(run, cleanRuns: cache).outcomes(
                of: prepared.map {
                    SweepVariant(tiny.prompt, interventions: $0.resolved, sourceStates: sources.states(for: $0))
                }, generation: generation)
        }

        /// The variants from their first tokens, one at a time.
        func alone(_ sets: [InterventionSet]) throws -> [RunOutcome] {
            try sets.map { try tiny.run($0, tokens: SweepTests.options.maximumTokens, states: states) }
        }
    }

    /// Interventions drawn at random: positions, layers, heads, modes, sites, several at once.
    private struct Draw {
        var random: SplitMix64
        let configuration: DecoderConfiguration
        let tokens: Int

        mutating func layers() -> LayerSelection {
            let first = Int.random(in: 0..<configuration.layers, using: &random)
            let end = Int.random(in: first + 1...configuration.layers, using: &random)
            return Bool.random(using: &random) ? .list([.index(first)]) : .list([.range(first..<end)])
        }

        mutating func positions() -> PositionExpression {
            switch Int.random(in: 0..<6, using: &random) {
            case 0: return .role("eoi")
            case 1: return .role("text")
            case 2: return .role("image")
            case 3: return .role("last")
            default:
                let first = Int.random(in: 0..<tokens, using: &random)
                return .range(first..<Int.random(in: first + 1...tokens, using: &random))
            }
        }

        mutating func set() -> InterventionSet {
            var set = InterventionSet(allowNoop: true)
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                let mode = KnockoutMode.allCases.randomElement(using: &random) ?? .zero
                let head = Int.random(in: 0..<configuration.heads, using: &random)
                set.knockouts.append(
                    Knockout(
                        queries: mode == .value ? .role("all") : positions(), keys: positions(), layers: layers(),
                        heads: mode != .value && Bool.random(using: &random) ? .list([.index(head)]) : .all,
                        mode: mode))
            }
            if Int.random(in: 0..<3, using: &random) == 0 {
                set.steers.append(
                    Steer(
                        site: Site.allCases.randomElement(using: &random) ?? .residIn, layers: layers(),
                        positions: Bool.random(using: &random) ? .role("generated") : positions(),
                        direction: "direction", scale: [-1, 0, 2].randomElement(using: &random) ?? 1))
            }
            if Bool.random(using: &random) || set.knockouts.isEmpty {
                set.patches.append(
                    Patch(
                        site: Site.allCases.randomElement(using: &random) ?? .residIn, layers: layers(),
                        positions: positions()))
            }
            return set
        }
    }

    /// A text's tokens up to the first that the number format's error could have decided.
    private static func decided(_ generation: Generation) -> [Int] {
        generation.tokens.prefix { !$0.isNearTie }.map(\.token.id)
    }

    @Test(
        "any interventions, also several at once and during generation, come out as they do from their first tokens",
        arguments: cases, 0..<4)
    func equal(of it: Case, seed: Int) throws {
        let bench = try Bench(it.checkpoint, it.format)
        let bound = it.format.reuseError
        let moves = Double(bound)
        var draw = Draw(
            random: SplitMix64(state: UInt64(seed)), configuration: bench.tiny.model.decoder.configuration,
            tokens: bench.tiny.prompt.layout.tokens)
        let sets = [InterventionSet()] + (0..<12).map { _ in draw.set() }
        for (set, (swept, alone)) in zip(sets, zip(try bench.swept(sets), try bench.alone(sets))) {
            let largest = alone.nextToken.logits.filter { $0 > -1e30 }.reduce(0) { max($0, abs($1)) }
            for (a, b) in zip(swept.nextToken.logits, alone.nextToken.logits) {
                #expect(abs(a - b) <= bound * largest, "\(set.json.text)")
            }
            #expect(swept.generation.map(Self.decided) == alone.generation.map(Self.decided))
            #expect(swept.receipt.cuts.map(\.edges) == alone.receipt.cuts.map(\.edges))
            for (a, b) in zip(swept.receipt.moves, alone.receipt.moves) {
                #expect(a.positions == b.positions && a.layer == b.layer)
                // What is moved is a difference: bfloat16 rounds what it is taken of.
                let scale = it.format == .float32 ? b.norms.moved : max(b.norms.moved, b.norms.before)
                #expect(abs(a.norms.moved - b.norms.moved) <= moves * (1 + scale))
            }
            #expect(swept.receipt.moves.count == alone.receipt.moves.count)
            for (a, b) in zip(swept.receipt.shifts, alone.receipt.shifts) {
                #expect(a.positions == b.positions && a.layer == b.layer)
                #expect(abs(a.norms.before - b.norms.before) <= moves * (1 + b.norms.before))
                #expect(abs(a.norms.moved - b.norms.moved) <= moves * (1 + b.norms.moved))
            }
            #expect(swept.receipt.shifts.count == alone.receipt.shifts.count)
        }
    }

    @Test("a sweep gives what its variants give one at a time, to the last bit", arguments: cases, [3, 4])
    func oneAtATime(of it: Case, seed: Int) throws {
        let bench = try Bench(it.checkpoint, it.format)
        var draw = Draw(
            random: SplitMix64(state: UInt64(seed)), configuration: bench.tiny.model.decoder.configuration,
            tokens: bench.tiny.prompt.layout.tokens)
        let sets = [InterventionSet()] + (0..<8).map { _ in draw.set() }
        for (set, together) in zip(sets, try bench.swept(sets)) {
            let alone = try bench.swept([set])[0]
            #expect(together.nextToken.logits == alone.nextToken.logits, "\(set.json.text)")
            #expect(together.generation == alone.generation)
            #expect(together.receipt == alone.receipt)
        }
    }

    @Test("the same sweep gives the same bits, whether its clean runs are found or made", arguments: cases)
    func repeatable(of it: Case) throws {
        let bench = try Bench(it.checkpoint, it.format)
        var draw = Draw(
            random: SplitMix64(state: 9), configuration: bench.tiny.model.decoder.configuration,
            tokens: bench.tiny.prompt.layout.tokens)
        let sets = (0..<6).map { _ in draw.set() }
        let first = try bench.swept(sets)
        let found = try bench.swept(sets)
        let made = try Bench(it.checkpoint, it.format).swept(sets)
        for (first, (found, made)) in zip(first, zip(found, made)) {
            #expect(first.nextToken.logits == found.nextToken.logits && first.generation == found.generation)
            #expect(first.nextToken.logits == made.nextToken.logits && first.generation == made.generation)
        }
    }

    @Test("an all-layer patch sweep computes two clean runs and the cones, and nothing else")
    func work() throws {
        let bench = try Bench("chameleon-tiny")
        let layers = bench.tiny.model.decoder.configuration.layers
        let sets = (0..<layers).map {
            InterventionSet(patches: [Patch(site: .residIn, layers: .list([.index($0)]), positions: .role("eoi"))])
        }
        let outcomes = try bench.swept(sets, generation: nil)
        let layout = bench.tiny.prompt.layout
        #expect(outcomes.dropFirst().allSatisfy { $0.rowsComputed == layout.tokens - layout.images[0].eoi })
        #expect(bench.cache.account.misses == 2)
        let clean = try bench.swept([InterventionSet()], generation: nil)[0]
        #expect(bench.cache.account.misses == 2)
        // [EOI] enters layer 0 as the same embedding for every picture: nothing is computed for it, and nothing changes.
        #expect(outcomes[0].rowsComputed == 0 && outcomes[0].nextToken.logits == clean.nextToken.logits)
        #expect(outcomes[0].receipt.moves.map(\.moved) == [0])
        #expect(outcomes[0].receipt.moves[0].norms.before > 0)
    }

    @Test("a clean run that is larger than the cache is made once for all variants of its prompt")
    func noRoom() throws {
        let bench = try Bench("chameleon-tiny")
        let sets = (0..<3).map {
            InterventionSet(knockouts: [Knockout(keys: .role("eoi"), layers: .list([.index($0 % 2)]))])
        }
        let none = CleanRunCache(budget: 0)
        let variants = try bench.prepared(sets).map { SweepVariant(bench.tiny.prompt, interventions: $0.resolved) }
        let outcomes = try Sweep(bench.run, cleanRuns: none).outcomes(of: variants, generation: nil)
        #expect(none.account.misses == 1 && none.account.bytes == 0)
        #expect(try bench.swept(sets, generation: nil).map(\.nextToken.logits) == outcomes.map(\.nextToken.logits))
    }

    @Test(
        "a run patched with itself is the clean run to the last bit, at every site", arguments: checkpoints,
        Site.allCases)
    func selfPatch(checkpoint: String, site: Site) throws {
        let bench = try Bench(checkpoint)
        let patch = Patch(
            site: site, layers: .all, positions: .role("text"),
            source: PatchSource(image: bench.tiny.context.image))
        let outcomes = try bench.swept([InterventionSet(), InterventionSet(patches: [patch])])
        #expect(outcomes[1].nextToken.logits == outcomes[0].nextToken.logits)
        #expect(outcomes[1].generation?.text == outcomes[0].generation?.text)
        #expect(outcomes[1].receipt.moves.allSatisfy { $0.moved == 0 && $0.norms.before > 0 })
        #expect(outcomes[1].receipt.moves.count == bench.tiny.model.decoder.configuration.layers)
    }

    @Test("steering by 0 is the clean run to the last bit, with what was there in its receipt", arguments: checkpoints)
    func idleSteer(checkpoint: String) throws {
        let bench = try Bench(checkpoint)
        let steer = Steer(
            site: .mlpOut, layers: .all, positions: .list([.role("eoi"), .role("last")]), direction: "direction",
            scale: 0)
        let outcomes = try bench.swept([InterventionSet(), InterventionSet(steers: [steer])])
        #expect(outcomes[1].nextToken.logits == outcomes[0].nextToken.logits)
        #expect(outcomes[1].receipt.shifts.count == bench.tiny.model.decoder.configuration.layers)
        #expect(outcomes[1].receipt.shifts.allSatisfy { $0.moved == 0 && $0.norms.before > 0 })
    }

    @Test("what is measured in a sweep is what is measured in a run of its own")
    func measured() throws {
        let bench = try Bench("chameleon-tiny")
        let set = InterventionSet(knockouts: [Knockout(keys: .role("eoi"), layers: .list([.range(1..<3)]))])
        let prepared = try bench.prepared([set])[0]
        let measurements = try Measurements(
            JSONField(
                try JSONParser.parse(
                    """
                    {"captures": [{"site": "resid_out", "layers": "all", "positions": "eoi"}],
                     "attention": [{"layers": [2], "heads": "mean", "queries": "last"}],
                     "logit_lens": [{"layers": "all", "positions": "last", "top": 3}]}
                    """)
            ).object())
        let resolved = try InterventionPreparation(
            model: bench.tiny.model, seed: 0, variant: "v", generates: false
        ).prepare(measurements, in: bench.tiny.context, path: "measure")
        let swept = try Sweep(bench.run, cleanRuns: bench.cache).outcomes(
            of: [SweepVariant(bench.tiny.prompt, interventions: prepared.resolved, measuring: resolved)],
            generation: nil)[0].measurements
        let alone = try bench.run.run(
            bench.tiny.prompt, interventions: prepared.resolved, measuring: resolved
        ).measurements
        #expect(swept.captures.count == 1 && swept.attention.count == 1 && swept.logitLens.count == 1)
        for (a, b) in zip(swept.captures[0].state.elements, alone.captures[0].state.elements) {
            #expect(abs(a - b) < 1e-4)
        }
        for (a, b) in zip(swept.attention[0].rows[0].weights, alone.attention[0].rows[0].weights) {
            #expect(abs(a - b) < 1e-5)
        }
        #expect(swept.logitLens[0].rows.map { $0.top.map(\.id) } == alone.logitLens[0].rows.map { $0.top.map(\.id) })
    }
}

extension NumberFormat {
    /// How far a run over a clean run's states may be from the same run from its first token, relative to the largest
    /// number: in bfloat16 both are within the format's error of the float32 run.
    fileprivate var reuseError: Float { self == .float32 ? logitError : 2 * logitError }
}
