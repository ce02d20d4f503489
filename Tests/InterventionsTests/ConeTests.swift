import Interventions
import Models
import Testing

@Suite("What a variant can change") struct ConeTests {
    /// The cone of `set` on the tiny model's prompt, whose [EOI] is at `eoi`.
    private func cone(_ set: InterventionSet, measuring: Measurements? = nil) throws -> (Cone, PromptLayout) {
        let tiny = try TinyModel()
        let preparation = InterventionPreparation(
            model: tiny.model, seed: 0, variant: "v", generates: true, defaultSource: tiny.otherContext)
        let prepared = try preparation.prepare(set, in: tiny.context, path: "")
        let layout = tiny.prompt.layout
        return (
            Cone(
                of: prepared.resolved, tokens: layout.tokens,
                layers: tiny.model.decoder.configuration.layers), layout
        )
    }

    @Test("a patch changes its position and all after it, from its layer on")
    func patch() throws {
        let (cone, layout) = try cone(
            InterventionSet(patches: [Patch(site: .residIn, layers: .list([.index(2)]), positions: .role("eoi"))]))
        let eoi = layout.images[0].eoi
        #expect(cone.first.prefix(2).allSatisfy { $0 == layout.tokens })
        #expect(cone.first.dropFirst(2).allSatisfy { $0 == eoi })
        #expect(cone.tokenLayers == (cone.first.count - 2) * (layout.tokens - eoi))
    }

    @Test("a cut changes its first query that sees a key, whatever keys come earlier")
    func cut() throws {
        let (text, layout) = try cone(InterventionSet(knockouts: [Knockout(keys: .role("image"))]))
        let eoi = layout.images[0].eoi
        #expect(text.first.allSatisfy { $0 == eoi + 1 })
        let (all, _) = try cone(InterventionSet(knockouts: [Knockout(queries: .role("all"), keys: .role("eoi"))]))
        #expect(all.first.allSatisfy { $0 == eoi })
    }

    @Test("a cut of generated queries alone leaves the prompt as it is")
    func generated() throws {
        let (cone, layout) = try cone(
            InterventionSet(knockouts: [Knockout(queries: .role("generated"), keys: .role("eoi"))]))
        #expect(cone.firstPosition == layout.tokens && cone.rows == 0 && cone.tokenLayers == 0)
    }

    @Test("several interventions make steps, the later positions lower")
    func steps() throws {
        let (cone, layout) = try cone(
            InterventionSet(
                knockouts: [Knockout(queries: .role("last"), keys: .role("eoi"), layers: .list([.index(1)]))],
                patches: [Patch(site: .attnOut, layers: .list([.index(2)]), positions: .index(4))]))
        #expect(Array(cone.first.prefix(3)) == [layout.tokens, layout.tokens - 1, 4])
    }
}
