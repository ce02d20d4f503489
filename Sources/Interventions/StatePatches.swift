import Models
import Numerics

/// The patches of one run at work.
struct StatePatches {
    private struct Patch {
        /// Which one of the run's patches it is.
        let index: Int
        let positions: [Int]
        let states: Matrix
    }

    private let resolved: [ResolvedPatch]
    private var patches: [SiteKey: [Patch]] = [:]
    /// By patch and layer, where it has acted.
    private var accounts: [[Int: MovedNorms]]

    /// - Parameter states: for each patch, in order, its states by layer, `[positions, width]`.
    init(_ resolved: [ResolvedPatch], states: [[Int: Matrix]]) {
        self.resolved = resolved
        accounts = resolved.map { _ in [:] }
        for (index, (patch, states)) in zip(resolved, states).enumerated() where !patch.positions.isEmpty {
            for layer in patch.layers {
                guard let matrix = states[layer] else { continue }
                patches[SiteKey(site: patch.site, layer: layer), default: []].append(
                    Patch(index: index, positions: patch.positions, states: matrix))
            }
        }
    }

    func act(at key: SiteKey) -> Bool { patches[key] != nil }

    /// Replaces the rows that are patched. Decode steps pass none of them: a patch acts on through the cache.
    mutating func apply(at key: SiteKey, positions: Range<Int>, to state: inout Matrix) {
        for patch in patches[key] ?? [] where patch.positions.contains(where: positions.contains) {
            for (row, position) in patch.positions.enumerated() where positions.contains(position) {
                let at = position - positions.lowerBound
                accounts[patch.index][key.layer, default: MovedNorms()]
                    .add(from: state.row(at), to: patch.states.row(row))
                state.setRow(at, patch.states.row(row))
            }
        }
    }

    /// What each patch did at each of its layers.
    var receipt: [Receipt.Move] {
        zip(resolved, accounts).flatMap { patch, accounts in
            patch.layers.compactMap { layer in
                accounts[layer].map {
                    Receipt.Move(
                        site: patch.site.rawValue, layer: layer, positions: patch.positions.compactText, norms: $0)
                }
            }
        }
    }
}

/// L2 norms over some states together: before and after they were changed, and of the difference.
package struct MovedNorms: Sendable, Equatable {
    private var squares = (before: 0.0, after: 0.0, moved: 0.0)

    package var before: Double { squares.before.squareRoot() }
    package var after: Double { squares.after.squareRoot() }
    package var moved: Double { squares.moved.squareRoot() }

    mutating func add(from old: ArraySlice<Float>, to new: ArraySlice<Float>) {
        for (old, new) in zip(old, new) {
            squares.before += Double(old) * Double(old)
            squares.after += Double(new) * Double(new)
            squares.moved += Double(new - old) * Double(new - old)
        }
    }

    package static func == (a: MovedNorms, b: MovedNorms) -> Bool { a.squares == b.squares }
}
