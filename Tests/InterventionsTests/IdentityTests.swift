import Interventions
import Models
import StrictJSON
import Testing

/// What must hold exactly on any checkpoint.
@Suite("Identities of interventions")
struct IdentityTests {
    static let checkpoints = ["chameleon-tiny", "chameleon-34b-tiny"]

    private func cut(
        _ keys: PositionExpression, queries: PositionExpression = .role("text"), mode: KnockoutMode = .zero
    ) -> InterventionSet {
        InterventionSet(knockouts: [Knockout(queries: queries, keys: keys, mode: mode)])
    }

    @Test("patching a run with itself changes nothing, at every site", arguments: checkpoints, Site.allCases)
    func selfPatch(checkpoint: String, site: Site) throws {
        let tiny = try TinyModel(checkpoint)
        let clean = try tiny.run(InterventionSet(), tokens: 4)
        let patch = Patch(site: site, layers: .all, positions: .role("all"))
        let patched = try tiny.run(InterventionSet(patches: [patch]), tokens: 4, source: tiny.context)
        #expect(patched.nextToken.logits == clean.nextToken.logits)
        #expect(patched.generation == clean.generation)
        #expect(patched.receipt.moves.allSatisfy { $0.moved == 0 })
    }

    @Test(
        "[EOI] enters layer 0 as a constant: patching it there has effect 0, later it has not", arguments: checkpoints)
    func layerZero(checkpoint: String) throws {
        let tiny = try TinyModel(checkpoint)
        let clean = try tiny.run(InterventionSet())
        func effect(_ layer: Int) throws -> Double {
            let patch = Patch(
                site: .residIn, layers: .list([.index(layer)]), positions: .role("eoi"))
            let patched = try tiny.run(InterventionSet(patches: [patch]))
            return clean.nextToken.totalVariation(to: patched.nextToken)
        }
        #expect(try effect(0) == 0)
        #expect(try effect(1) > 0)
    }

    @Test("patching everything at layer 0 is the source run", arguments: checkpoints)
    func wholePatch(checkpoint: String) throws {
        let tiny = try TinyModel(checkpoint)
        let patch = Patch(site: .residIn, layers: .list([.index(0)]), positions: .role("all"))
        let patched = try tiny.run(InterventionSet(patches: [patch]))
        let source = try tiny.run(InterventionSet(), on: tiny.otherContext)
        #expect(patched.nextToken.logits == source.nextToken.logits)
    }

    @Test("value equals zero with all queries, during generation too", arguments: checkpoints)
    func valueIsZero(checkpoint: String) throws {
        let tiny = try TinyModel(checkpoint)
        let zero = try tiny.run(cut(.role("eoi"), queries: .role("all")), tokens: 4)
        let value = try tiny.run(cut(.role("eoi"), queries: .role("all"), mode: .value), tokens: 4)
        #expect(zero.nextToken.logits == value.nextToken.logits)
        #expect(zero.generation == value.generation)
    }

    @Test("two cuts equal their union, and an edge cut twice is cut once", arguments: KnockoutMode.allCases)
    func union(mode: KnockoutMode) throws {
        let tiny = try TinyModel()
        let queries: PositionExpression = mode == .value ? .role("all") : .role("text")
        let two = InterventionSet(knockouts: [
            Knockout(queries: queries, keys: .list([.role("eoi"), .index(3)]), mode: mode),
            Knockout(queries: queries, keys: .list([.index(3), .index(4)]), mode: mode),
        ])
        let one = cut(.list([.role("eoi"), .index(3), .index(4)]), queries: queries, mode: mode)
        #expect(try tiny.run(two).nextToken.logits == tiny.run(one).nextToken.logits)
    }

    @Test("a cut during generation reaches generated queries")
    func generatedQueries() throws {
        let tiny = try TinyModel()
        let textOnly = cut(.role("image"), queries: .list([.role("last"), .role("generated")]))
        let promptOnly = cut(.role("image"), queries: .role("last"))
        let first = try tiny.run(textOnly, tokens: 3)
        let second = try tiny.run(promptOnly, tokens: 3)
        #expect(first.nextToken.logits == second.nextToken.logits)
        // The first token follows from the prompt alone; its probability after it does not.
        #expect(first.generation?.tokens.first == second.generation?.tokens.first)
        #expect(first.generation?.tokens.dropFirst() != second.generation?.tokens.dropFirst())
    }

    @Test("a query that mask leaves without a key gets output 0, and the receipt counts it")
    func noKeyLeft() throws {
        let tiny = try TinyModel()
        let outcome = try tiny.run(cut(.role("all"), queries: .index(3), mode: .mask))
        let configuration = tiny.model.decoder.configuration
        #expect(outcome.receipt.cuts[0].queriesWithoutKeys == configuration.layers * configuration.heads)
        #expect(outcome.nextToken.logits.allSatisfy { $0.isFinite })
    }

    @Test("the receipt counts causal edges and the attention that they carried")
    func receipt() throws {
        let tiny = try TinyModel()
        let outcome = try tiny.run(cut(.role("image")))
        let configuration = tiny.model.decoder.configuration
        let layout = tiny.prompt.layout
        let pairs = (layout.tokens - layout.images[0].eoi - 1) * layout.images[0].image.count
        #expect(outcome.receipt.cuts[0].edges == pairs * configuration.layers * configuration.heads)
        let mean = try #require(outcome.receipt.cuts[0].meanMass)
        let maximum = try #require(outcome.receipt.cuts[0].maximumMass)
        #expect(mean > 0 && mean < maximum && maximum <= 1.000001)
    }

    @Test("cutting no causal edge is refused unless a no-op is allowed")
    func nothingToDo() throws {
        let tiny = try TinyModel()
        var set = cut(.role("last"), queries: .role("image"))
        let error = try #require(throws: InterventionError.self) { try tiny.run(set) }
        #expect(error.code == .nothingToDo)
        set.allowNoop = true
        #expect(try tiny.run(set).nextToken.logits == tiny.run(InterventionSet()).nextToken.logits)
    }

    @Test("one state patched twice in a variant is refused")
    func overlap() throws {
        let tiny = try TinyModel()
        let patch = Patch(site: .residIn, layers: .list([.index(1)]), positions: .role("eoi"))
        let error = try #require(throws: InterventionError.self) {
            try tiny.run(InterventionSet(patches: [patch, patch]))
        }
        #expect(error.code == .overlappingPatches)
    }

    @Test("sampling with a seed repeats itself, and at temperature 0 it is greedy")
    func sampling() throws {
        let tiny = try TinyModel()
        let run = ModelRun(tiny.model)
        func tokens(_ options: GenerationOptions) throws -> [Int] {
            try #require(run.run(tiny.prompt, generation: options).generation).tokens.map(\.token.id)
        }
        var options = GenerationOptions(maximumTokens: 8, temperature: 2, seed: 5, ignoresStopTokens: true)
        #expect(try tokens(options) == tokens(options))
        var others = Set<[Int]>()
        for seed in 0..<6 {
            options.seed = seed
            others.insert(try tokens(options))
        }
        #expect(others.count > 1)
        options.topP = 1e-9
        options.temperature = 0.7
        let greedy = GenerationOptions(maximumTokens: 8, ignoresStopTokens: true)
        #expect(try tokens(options) == tokens(greedy))
    }
}
