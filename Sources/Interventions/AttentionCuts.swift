import Foundation
import Models
import Numerics

/// The knockouts of one run at work, with the attention that they cut.
struct AttentionCuts {
    private let cuts: [ActiveCut]
    private var accounts: [CutAccount]
    private let promptTokens: Int

    init(_ knockouts: [ResolvedKnockout], promptTokens: Int, layers: Int) {
        cuts = knockouts.map { ActiveCut($0, promptTokens: promptTokens, layers: layers) }
        accounts = cuts.map { _ in CutAccount() }
        self.promptTokens = promptTokens
    }

    func act(in layer: Int) -> Bool { cuts.contains { $0.acts(in: layer) } }

    /// What has to be seen of some rows' attention in a layer.
    ///
    /// Of generated rows nothing, once the receipt's figures are those of the prompt: then they are cut where attention is
    /// computed. A generated row always sees itself.
    func view(layer: Int, positions: Range<Int>) -> AttentionView {
        var plain: [AttentionProduct.Cut] = []
        for (index, cut) in cuts.enumerated() where cut.acts(in: layer) && cut.cuts(anyOf: positions) {
            guard positions.lowerBound >= promptTokens, accounts[index].isOfPrompt, let cuts = cut.plainCuts else {
                return .all
            }
            plain += cuts
        }
        return plain.isEmpty ? .none : .cuts(plain)
    }

    /// Before softmax: masks what mode `mask` cuts.
    mutating func mask(layer: Int, head: Int, positions: Range<Int>, _ scores: inout Matrix) {
        // All masses are taken before anything is cut, so that what is cut twice is seen by both.
        for (index, cut) in cuts.enumerated() where cut.mode == .mask && cut.acts(in: layer, head: head) {
            cut.forEachRow(of: positions, keys: scores.columns) { row, position, keys in
                let mass = Self.softmaxMass(of: keys, in: scores.row(row))
                accounts[index].add(edges: keys.count, mass: mass, whileReadingPrompt: position < promptTokens)
            }
        }
        for (index, cut) in cuts.enumerated() where cut.mode == .mask && cut.acts(in: layer, head: head) {
            cut.forEachRow(of: positions, keys: scores.columns) { row, _, keys in
                for key in keys { scores[row, key] = -.infinity }
                if scores.row(row).allSatisfy({ $0 == -.infinity }) { accounts[index].queriesWithoutKeys += 1 }
            }
        }
    }

    /// After softmax: zeroes what mode `zero` cuts.
    mutating func zero(layer: Int, head: Int, positions: Range<Int>, _ weights: inout Matrix) {
        for (index, cut) in cuts.enumerated() where cut.mode != .mask && cut.acts(in: layer, head: head) {
            cut.forEachRow(of: positions, keys: weights.columns) { row, position, keys in
                var mass = 0.0
                for key in keys { mass += Double(weights[row, key]) }
                accounts[index].add(edges: keys.count, mass: mass, whileReadingPrompt: position < promptTokens)
            }
        }
        clear(.zero, layer: layer, head: head, positions: positions, &weights)
    }

    /// Takes what mode `value` cuts out of the mixing of values: a weight of 0 is a value vector of 0.
    ///
    /// Comes after whatever looks at the weights, which this mode leaves as they are.
    func dropValues(layer: Int, head: Int, positions: Range<Int>, _ weights: inout Matrix) {
        clear(.value, layer: layer, head: head, positions: positions, &weights)
    }

    private func clear(
        _ mode: KnockoutMode, layer: Int, head: Int, positions: Range<Int>, _ weights: inout Matrix
    ) {
        for cut in cuts where cut.mode == mode && cut.acts(in: layer, head: head) {
            cut.forEachRow(of: positions, keys: weights.columns) { row, _, keys in
                for key in keys { weights[row, key] = 0 }
            }
        }
    }

    /// What softmax would give to `keys`, without touching the scores.
    private static func softmaxMass(of keys: [Int], in scores: ArraySlice<Float>) -> Double {
        guard let peak = scores.max(), peak > -.infinity else { return 0 }
        let total = scores.reduce(0.0) { $0 + exp(Double($1 - peak)) }
        return keys.reduce(0.0) { $0 + exp(Double(scores[scores.startIndex + $1] - peak)) } / total
    }

    var receipt: [Receipt.Cut] {
        zip(cuts, accounts).map { cut, account in
            let tally = account.tally
            return Receipt.Cut(
                queries: cut.knockout.queries.text, keys: cut.knockout.keys.text,
                layers: cut.knockout.layers.compactText,
                heads: cut.coversAllHeads ? "all" : cut.knockout.heads.compactText, mode: cut.mode,
                edges: tally.edges, meanMass: tally.rows > 0 ? tally.mass / Double(tally.rows) : nil,
                maximumMass: tally.rows > 0 ? tally.maximum : nil, queriesWithoutKeys: account.queriesWithoutKeys)
        }
    }
}
