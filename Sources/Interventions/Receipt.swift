package import StrictJSON

/// What the interventions of one run did, and by how much (docs/api.md, "Interventions").
package struct Receipt: Sendable, Equatable {
    package struct Cut: Sendable, Equatable {
        package let queries: String
        package let keys: String
        package let layers: String
        package let heads: String
        package let mode: KnockoutMode
        /// (layer, head, query, key) edges cut while the prompt was read; while generating if there were none.
        package let edges: Int
        /// Attention that those edges carried in this run, a mean over (layer, head, query), in 0...1.
        package let meanMass: Double?
        package let maximumMass: Double?
        /// Queries that `mask` left with no key at all: their attention output is 0.
        package let queriesWithoutKeys: Int
    }

    package struct Move: Sendable, Equatable {
        package let site: String
        package let layer: Int
        package let positions: String
        /// Over the positions together.
        package let norms: MovedNorms
        package var moved: Double { norms.moved }
    }

    package struct Shift: Sendable, Equatable {
        package let site: String
        package let layer: Int
        package let positions: String
        package let scale: Double
        /// Over the prompt's positions together; over the generated ones where it steers those alone.
        package let norms: MovedNorms
        package var moved: Double { norms.moved }
    }

    package var cuts: [Cut]
    package var moves: [Move]
    package var shifts: [Shift]
    /// Total variation between the clean and the intervened next-token distribution; `nil` where no clean run was made.
    package var effect: Double?

    /// The receipt as it stands in rows and answers.
    package var json: JSONValue {
        [
            "knockouts": .array(
                cuts.map { cut in
                    [
                        "queries": .string(cut.queries), "keys": .string(cut.keys), "layers": .string(cut.layers),
                        "heads": .string(cut.heads), "mode": .string(cut.mode.rawValue), "edges": .integer(cut.edges),
                        "mass": ["mean": .finite(cut.meanMass), "max": .finite(cut.maximumMass)],
                        "queries_without_keys": .integer(cut.queriesWithoutKeys),
                    ]
                }),
            "patches": .array(
                moves.map { move in
                    [
                        "site": .string(move.site), "layer": .integer(move.layer), "positions": .string(move.positions),
                        "norm_before": .finite(move.norms.before), "norm_after": .finite(move.norms.after),
                        "moved": .finite(move.norms.moved),
                    ]
                }),
            "steers": .array(
                shifts.map { shift in
                    [
                        "site": .string(shift.site), "layer": .integer(shift.layer),
                        "positions": .string(shift.positions), "scale": .number(shift.scale),
                        "norm_before": .finite(shift.norms.before), "norm_after": .finite(shift.norms.after),
                        "moved": .finite(shift.norms.moved),
                    ]
                }),
            "effect": .finite(effect),
        ]
    }
}
