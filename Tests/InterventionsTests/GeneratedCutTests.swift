import Interventions
import Models
import Testing

@Suite("Cuts of generated rows") struct GeneratedCutTests {
    /// A cut of all heads is made where generated rows' attention is computed; the same cut in halves of the heads is made on scores
    /// and weights that are laid out for it.
    @Test(
        "a cut of all heads gives the bits of the same cut in halves", arguments: NumberFormat.allCases,
        KnockoutMode.allCases)
    func halves(format: NumberFormat, mode: KnockoutMode) throws {
        let tiny = try TinyModel(numberFormat: format)
        let heads = tiny.model.decoder.configuration.heads
        for keys in [[PositionExpression.role("eoi")], [.role("image")], [.role("bos"), .role("eoi")]] {
            func cut(_ heads: HeadSelection) -> [Knockout] {
                keys.map {
                    Knockout(
                        queries: .role(mode == .value ? "all" : "text"), keys: $0, layers: .all, heads: heads,
                        mode: mode)
                }
            }
            let whole = try tiny.run(InterventionSet(knockouts: cut(.all)), tokens: 6)
            let halves = [0..<heads / 2, heads / 2..<heads].flatMap { cut(.list([.range($0)])) }
            let parts = try tiny.run(InterventionSet(knockouts: halves), tokens: 6)
            #expect(whole.nextToken.logits == parts.nextToken.logits)
            #expect(try #require(whole.generation) == #require(parts.generation))
            let edges = parts.receipt.cuts.reduce(0) { $0 + $1.edges }
            #expect(whole.receipt.cuts.reduce(0) { $0 + $1.edges } == edges && edges > 0)
        }
    }
}
