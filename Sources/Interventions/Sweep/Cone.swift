import Models

// What a variant can change, and therefore all that is computed for it.
//
// A patch or a steer at (layer l, position p) changes p there and, from the next attention on, every later position.
// A cut at layer l changes its query rows there and every later position above. So what is changed grows upwards and to
// the right, and one number a layer says it all: the first position that is not as the clean run has it.
//
//     layer 5   ......########      a patch of position 12 at layer 2 and a cut whose
//     layer 4   ......########      first query is position 6 at layer 4
//     layer 3   ............##
//     layer 2   ............##      "." is read from the clean run: its states enter where rows
//     layer 1   ..............      join, its keys and values are shared below and to the left

/// The states of a prompt that a variant can change, by layer.
package struct Cone: Sendable, Equatable {
    /// For each layer the first position whose state may differ on leaving it; `tokens` where none does. Never rises.
    package let first: [Int]
    /// The prompt's length.
    package let tokens: Int

    /// The cone of some interventions, and of attention that is to be measured beside: it must be computed to be seen. States
    /// outside the cone are the clean run's.
    package init(
        of interventions: ResolvedInterventions, measuring measurements: ResolvedMeasurements = .none, tokens: Int,
        layers: Int
    ) {
        var entry = [Int](repeating: tokens, count: layers)
        func enter(_ entryLayers: [Int], _ position: Int?) {
            guard let layer = entryLayers.min(), let position else { return }
            entry[layer] = min(entry[layer], position)
        }
        for knockout in interventions.knockouts { enter(knockout.layers, knockout.firstCutQuery) }
        for patch in interventions.patches { enter(patch.layers, patch.positions.min()) }
        for steer in interventions.steers { enter(steer.layers, steer.positions.prompt.min()) }
        for attention in measurements.attention { enter(attention.layers, attention.queries.min()) }
        var reached = tokens
        first = entry.map { position in
            reached = min(reached, position)
            return reached
        }
        self.tokens = tokens
    }

    /// Everything from layer 0 on: a run from its first token.
    package static func whole(tokens: Int, layers: Int) -> Cone {
        Cone(first: Array(repeating: 0, count: layers), tokens: tokens)
    }

    private init(first: [Int], tokens: Int) {
        self.first = first
        self.tokens = tokens
    }

    /// The first position of any layer; `tokens` if the prompt is as the clean run has it.
    package var firstPosition: Int { first.last ?? tokens }
    /// Rows at the last layer, which has the most.
    package var rows: Int { tokens - firstPosition }
    /// Token-layers to compute: the measure of a dry run.
    package var tokenLayers: Int { first.reduce(0) { $0 + tokens - $1 } }

    /// The positions whose clean states join on entering `layer`.
    func joining(_ layer: Int) -> Range<Int> { first[layer]..<(layer == 0 ? tokens : first[layer - 1]) }
}

extension ResolvedKnockout {
    /// The first of the prompt's queries that loses a key; `nil` where only generated ones do.
    var firstCutQuery: Int? {
        // Keys are ascending, and a causal query sees the first of them before any other.
        guard let key = keys.prompt.first else { return nil }
        return queries.prompt.first { $0 >= key }
    }
}
