import Models
import Numerics

/// The steers of one run at work, over the prompt and at every generated position that they cover.
struct StateSteers {
    private struct Steer {
        /// Which one of the run's steers it is.
        let index: Int
        let positions: PositionSet
        /// One row for all positions, or a row for each of the prompt's.
        let direction: Matrix
        let scale: Float
    }

    private struct Account {
        var prompt = MovedNorms()
        var generated = MovedNorms()
    }

    private let resolved: [ResolvedSteer]
    private let promptTokens: Int
    private var steers: [SiteKey: [Steer]] = [:]
    /// By steer and layer.
    private var accounts: [[Int: Account]]

    /// - Parameter directions: for each steer, in order, its direction by layer, `[1 or prompt positions, width]`.
    init(_ resolved: [ResolvedSteer], directions: [[Int: Matrix]], promptTokens: Int) {
        self.resolved = resolved
        self.promptTokens = promptTokens
        accounts = resolved.map { _ in [:] }
        for (index, (steer, directions)) in zip(resolved, directions).enumerated() {
            for layer in steer.layers {
                guard let direction = directions[layer] else { continue }
                accounts[index][layer] = Account()
                steers[SiteKey(site: steer.site, layer: layer), default: []].append(
                    Steer(
                        index: index, positions: steer.positions, direction: direction, scale: Float(steer.scale)))
            }
        }
    }

    func act(at key: SiteKey) -> Bool { steers[key] != nil }

    mutating func apply(at key: SiteKey, positions: Range<Int>, to state: inout Matrix) {
        for steer in steers[key] ?? [] {
            var account = accounts[steer.index][key.layer] ?? Account()
            for (row, position) in steer.positions.prompt.enumerated() where positions.contains(position) {
                let direction = steer.direction.row(steer.direction.rows == 1 ? 0 : row)
                Self.add(direction, steer.scale, to: &state, row: position - positions.lowerBound, &account.prompt)
            }
            if steer.positions.generated {
                for position in max(positions.lowerBound, promptTokens)..<max(positions.upperBound, promptTokens) {
                    Self.add(
                        steer.direction.row(0), steer.scale, to: &state, row: position - positions.lowerBound,
                        &account.generated)
                }
            }
            accounts[steer.index][key.layer] = account
        }
    }

    private static func add(
        _ direction: ArraySlice<Float>, _ scale: Float, to state: inout Matrix, row: Int, _ norms: inout MovedNorms
    ) {
        let old = state.row(row)
        let new = zip(old, direction).map { $0 + scale * $1 }
        norms.add(from: old, to: new[...])
        state.setRow(row, new)
    }

    /// What the receipt reports: the prompt's positions, or the generated ones where none of the prompt's are steered.
    var receipt: [Receipt.Shift] {
        zip(resolved, accounts).flatMap { steer, accounts in
            steer.layers.compactMap { layer in
                accounts[layer].map {
                    Receipt.Shift(
                        site: steer.site.rawValue, layer: layer, positions: steer.positions.text, scale: steer.scale,
                        norms: steer.positions.prompt.isEmpty ? $0.generated : $0.prompt)
                }
            }
        }
    }
}
