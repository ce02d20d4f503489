import Foundation
package import Models
package import Numerics

/// Does to a forward pass what the resolved interventions say, and keeps account for the receipt.
///
/// One value serves one run: prefill and every decode step after it. It is used on the engine's
/// thread only, like the pass that it hooks into.
package final class RunHooks: ForwardHooks {
    private let promptTokens: Int
    private let cuts: [ActiveCut]
    private var patches: [SiteKey: [(positions: [Int], states: Matrix)]] = [:]
    private let captured: Set<SiteKey>
    private let capturePositions: [Int]
    private let boundary: () throws -> Void

    /// States at the sites that were asked for, `[positions, width]` in the order of the positions.
    package private(set) var captures: [SiteKey: Matrix] = [:]
    private var moves: [Receipt.Move] = []
    private var accounts: [CutAccount]

    /// A site in a layer.
    package struct SiteKey: Hashable, Sendable {
        package let site: Site
        package let layer: Int

        package init(site: Site, layer: Int) {
            self.site = site
            self.layer = layer
        }
    }

    /// States to record during the run: prompt positions at some sites.
    package struct CaptureRequest: Sendable {
        package var sites: Set<SiteKey>
        package var positions: [Int]

        package init(sites: Set<SiteKey> = [], positions: [Int] = []) {
            self.sites = sites
            self.positions = positions
        }
    }

    /// - Parameters:
    ///   - sourceStates: for each resolved patch, in order, its states by layer, `[positions, width]`.
    ///   - boundary: called at every layer boundary; throwing abandons the run.
    package init(
        _ interventions: ResolvedInterventions, sourceStates: [[Int: Matrix]], promptTokens: Int,
        layers: Int, capture: CaptureRequest = CaptureRequest(), boundary: @escaping () throws -> Void
    ) {
        self.promptTokens = promptTokens
        self.boundary = boundary
        captured = capture.sites
        capturePositions = capture.positions
        cuts = interventions.knockouts.map { ActiveCut($0, promptTokens: promptTokens, layers: layers) }
        accounts = cuts.map { _ in CutAccount() }
        for (patch, states) in zip(interventions.patches, sourceStates) {
            for layer in patch.layers {
                guard let matrix = states[layer] else { continue }
                patches[SiteKey(site: patch.site, layer: layer), default: []].append((patch.positions, matrix))
            }
        }
    }

    package func willEnter(layer: Int) throws { try boundary() }

    package func wants(_ site: Site, layer: Int) -> Bool {
        let key = SiteKey(site: site, layer: layer)
        return patches[key] != nil || captured.contains(key)
    }

    package func visit(_ site: Site, layer: Int, positions: Range<Int>, state: inout Matrix) {
        let key = SiteKey(site: site, layer: layer)
        for patch in patches[key] ?? [] {
            var before = 0.0
            var after = 0.0
            var moved = 0.0
            for (row, position) in patch.positions.enumerated() where positions.contains(position) {
                let at = position - positions.lowerBound
                for (old, new) in zip(state.row(at), patch.states.row(row)) {
                    before += Double(old) * Double(old)
                    after += Double(new) * Double(new)
                    moved += Double(new - old) * Double(new - old)
                }
                state.setRow(at, patch.states.row(row))
            }
            // Decode steps pass no patched position: the patch acts on through the cache.
            guard patch.positions.contains(where: positions.contains) else { continue }
            moves.append(
                Receipt.Move(
                    site: site.rawValue, layer: layer, positions: patch.positions.compactText,
                    normBefore: before.squareRoot(), normAfter: after.squareRoot(), moved: moved.squareRoot()))
        }
        guard captured.contains(key), capturePositions.allSatisfy(positions.contains) else { return }
        var rows = Matrix(rows: capturePositions.count, columns: state.columns)
        for (row, position) in capturePositions.enumerated() {
            rows.setRow(row, state.row(position - positions.lowerBound))
        }
        captures[key] = rows
    }

    package func wantsAttention(layer: Int) -> Bool { cuts.contains { $0.acts(in: layer) } }

    package func scores(layer: Int, head: Int, positions: Range<Int>, _ scores: inout Matrix) {
        for (index, cut) in cuts.enumerated() where cut.mode == .mask && cut.acts(in: layer, head: head) {
            cut.forEachRow(of: positions, keys: scores.columns) { row, position, keys in
                let mass = Self.softmaxMass(of: keys, in: scores.row(row))
                accounts[index].add(edges: keys.count, mass: mass, whileReadingPrompt: position < promptTokens)
            }
        }
        for (index, cut) in cuts.enumerated() where cut.mode == .mask && cut.acts(in: layer, head: head) {
            cut.forEachRow(of: positions, keys: scores.columns) { row, position, keys in
                for key in keys { scores[row, key] = -.infinity }
                if scores.row(row).allSatisfy({ $0 == -.infinity }) { accounts[index].queriesWithoutKeys += 1 }
            }
        }
    }

    package func weights(layer: Int, head: Int, positions: Range<Int>, _ weights: inout Matrix) {
        for (index, cut) in cuts.enumerated() where cut.mode != .mask && cut.acts(in: layer, head: head) {
            cut.forEachRow(of: positions, keys: weights.columns) { row, position, keys in
                var mass = 0.0
                for key in keys { mass += Double(weights[row, key]) }
                accounts[index].add(edges: keys.count, mass: mass, whileReadingPrompt: position < promptTokens)
            }
        }
        for cut in cuts where cut.mode != .mask && cut.acts(in: layer, head: head) {
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

    /// The receipt so far, without its effect.
    package var receipt: Receipt {
        let cuts = zip(cuts, accounts).map { cut, account in
            let tally = account.tally
            return Receipt.Cut(
                queries: cut.knockout.queries.text, keys: cut.knockout.keys.text,
                layers: cut.knockout.layers.compactText,
                heads: cut.coversAllHeads ? "all" : cut.knockout.heads.compactText, mode: cut.mode,
                edges: tally.edges, meanMass: tally.rows > 0 ? tally.mass / Double(tally.rows) : nil,
                maximumMass: tally.rows > 0 ? tally.maximum : nil, queriesWithoutKeys: account.queriesWithoutKeys)
        }
        return Receipt(cuts: cuts, moves: moves, effect: nil)
    }
}
