package import Models

/// What is to be measured in a run beside its output: states to keep, attention summed up, states read as tokens.
///
/// Of the prompt's positions only, and of a variant as it runs: cut, patched and steered.
///
///     "captures":   [{"site": "resid_out", "layers": "all", "positions": "eoi", "pool": null}],
///     "attention":  [{"layers": "all", "heads": "mean", "queries": "last", "over_queries": "each", "keys": ["image", "eoi"]}],
///     "logit_lens": [{"site": "resid_out", "layers": "all", "positions": "last", "top": 5}]
package struct Measurements: Sendable, Equatable {
    package var captures: [Capture]
    package var attention: [Attention]
    package var logitLens: [LogitLens]

    package init(captures: [Capture] = [], attention: [Attention] = [], logitLens: [LogitLens] = []) {
        self.captures = captures
        self.attention = attention
        self.logitLens = logitLens
    }

    package var isEmpty: Bool { captures.isEmpty && attention.isEmpty && logitLens.isEmpty }

    /// Whether positions are made one.
    package enum Pooling: String, Sendable, CaseIterable { case mean }

    /// States to keep.
    package struct Capture: Sendable, Equatable {
        package var site: Site
        package var layers: LayerSelection
        package var positions: PositionExpression
        /// `mean` makes one position of all.
        package var pool: Pooling?

        package init(
            site: Site, layers: LayerSelection = .all, positions: PositionExpression, pool: Pooling? = nil
        ) {
            self.site = site
            self.layers = layers
            self.positions = positions
            self.pool = pool
        }
    }

    /// Attention weights, summed up over keys: after softmax and after cuts of modes `zero` and `mask`. Mode `value` cuts
    /// values and leaves weights as they are.
    package struct Attention: Sendable, Equatable {
        package enum Heads: Sendable, Equatable {
            /// The mean over all query heads.
            case mean
            /// A row each.
            case each(HeadSelection)
        }

        package enum Keys: Sendable, Equatable {
            /// A sum each.
            case groups([PositionExpression])
            /// The sums of ``defaultGroups`` that the prompt has.
            case roles
            /// A number for every position of the prompt.
            case each
        }

        package static let defaultGroups: [Role] = [.prefix, .soi, .image, .eoi, .text]

        package var layers: LayerSelection
        package var heads: Heads
        package var queries: PositionExpression
        /// `mean` makes one row of all queries.
        package var overQueries: Pooling?
        package var keys: Keys

        package init(
            layers: LayerSelection = .all, heads: Heads = .mean, queries: PositionExpression = .role("last"),
            overQueries: Pooling? = nil, keys: Keys = .roles
        ) {
            self.layers = layers
            self.heads = heads
            self.queries = queries
            self.overQueries = overQueries
            self.keys = keys
        }
    }

    /// States through the final norm and the head, as if they were the last layer's.
    package struct LogitLens: Sendable, Equatable {
        package var site: Site
        package var layers: LayerSelection
        package var positions: PositionExpression
        /// How many of the likeliest tokens are listed.
        package var top: Int

        package static let topRange = 1...100

        package init(
            site: Site = .residOut, layers: LayerSelection = .all, positions: PositionExpression = .role("last"),
            top: Int = 5
        ) {
            self.site = site
            self.layers = layers
            self.positions = positions
            self.top = top
        }
    }
}
