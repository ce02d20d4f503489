package import Models
import Numerics
package import StrictJSON

/// What was measured in one run, in the order in which it was asked for.
package struct MeasuredStates: Sendable, Equatable {
    package var captures: [MeasuredCapture] = []
    package var attention: [MeasuredAttention] = []
    package var logitLens: [MeasuredLogitLens] = []

    package static let none = MeasuredStates()
}

/// A state that was kept.
package struct MeasuredCapture: Sendable, Equatable {
    package let specification: ResolvedMeasurements.Capture
    package let state: StateTensor

    /// As rows have it.
    ///
    /// - Parameter name: the digest under which the state is stored.
    package func json(state name: String) -> JSONValue {
        [
            "site": .string(specification.site.rawValue), "layers": .string(specification.layers.compactText),
            "positions": .string(specification.positions.compactText),
            "pool": .optional(specification.pool?.rawValue), "state": .string(name),
            "shape": .array(state.description.shape.map { .integer($0) }),
        ]
    }
}

/// Attention, summed up.
package struct MeasuredAttention: Sendable, Equatable {
    package struct Row: Sendable, Equatable {
        package let layer: Int
        /// `nil` is the mean over all query heads.
        package let head: Int?
        /// `nil` is the mean over the queries.
        package let query: Int?
        /// In the order of the keys.
        package let weights: [Double]
    }

    package let specification: ResolvedMeasurements.Attention
    package let rows: [Row]

    init(_ specification: ResolvedMeasurements.Attention, sums: [Double]) {
        self.specification = specification
        var rows: [Row] = []
        var at = 0
        for layer in specification.layers {
            for head in specification.heads.map({ $0.map(Optional.some) }) ?? [nil] {
                for query in specification.overQueries == .mean ? [nil] : specification.queries.map(Optional.some) {
                    let end = at + specification.keys.count
                    rows.append(Row(layer: layer, head: head, query: query, weights: Array(sums[at..<end])))
                    at = end
                }
            }
        }
        self.rows = rows
    }

    package var json: JSONValue {
        let heads: JSONValue =
            switch specification.heads {
            case nil: "mean"
            case _ where specification.coversAllHeads: "all"
            case let heads?: .string(heads.compactText)
            }
        return [
            "layers": .string(specification.layers.compactText), "heads": heads,
            "queries": .string(specification.queries.compactText),
            "over_queries": .string(specification.overQueries?.rawValue ?? "each"),
            "keys": specification.names.map { .array($0.map(\.json)) } ?? "each",
            "rows": .array(
                rows.map { row in
                    [
                        "layer": .integer(row.layer), "head": .optional(row.head), "query": .optional(row.query),
                        "weights": .array(row.weights.map { .finite($0) }),
                    ]
                }),
        ]
    }
}

/// States as the head reads them.
package struct MeasuredLogitLens: Sendable, Equatable {
    package struct Token: Sendable, Equatable {
        package let id: Int
        package let text: String
        package let probability: Double
    }

    package struct Row: Sendable, Equatable {
        /// `nil` for a stored state that names no layer.
        package let layer: Int?
        /// In the prompt; in a stored state its own position.
        package let position: Int
        /// The likeliest first.
        package let top: [Token]
    }

    package let site: Site
    package let rows: [Row]

    package var json: JSONValue {
        ["site": .string(site.rawValue), "rows": .array(rows.map(\.json))]
    }
}

extension MeasuredLogitLens.Row {
    package var json: JSONValue {
        [
            "layer": .optional(layer), "position": .integer(position),
            "top": .array(
                top.map { ["id": .integer($0.id), "text": .string($0.text), "p": .number($0.probability)] }),
        ]
    }
}

extension ResolvedMeasurements {
    /// The states that captures and then logit lenses need from a run, in order.
    var recordings: [StateRecording] {
        func recording(_ site: Site, _ layers: [Int], _ positions: [Int]) -> StateRecording {
            StateRecording(sites: Set(layers.map { SiteKey(site: site, layer: $0) }), positions: positions)
        }
        return captures.map { recording($0.site, $0.layers, $0.positions) }
            + logitLens.map { recording($0.site, $0.layers, $0.positions) }
    }
}

extension ResolvedMeasurements.Capture {
    /// The state that was asked for, from what a run passed through.
    func measured(_ states: [SiteKey: Matrix]) -> MeasuredCapture {
        let rows = layers.compactMap { states[SiteKey(site: site, layer: $0)] }
        let state = StateTensor(
            StateDescription(
                site: site, layers: layers, layerCount: layers.count, positions: positions.count,
                width: rows.first?.columns ?? 0),
            elements: rows.flatMap(\.elements))
        return MeasuredCapture(specification: self, state: pool == .mean ? state.pooled : state)
    }
}
