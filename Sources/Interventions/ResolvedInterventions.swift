package import Models

/// A site in a layer.
package struct SiteKey: Hashable, Sendable {
    package let site: Site
    package let layer: Int

    package init(site: Site, layer: Int) {
        self.site = site
        self.layer = layer
    }
}

/// A knockout on one prompt: every position, layer and head known.
package struct ResolvedKnockout: Sendable, Equatable {
    package let queries: PositionSet
    package let keys: PositionSet
    package let layers: [Int]
    package let heads: [Int]
    package let mode: KnockoutMode
    /// Whether `heads` are all query heads of the model.
    package let coversAllHeads: Bool
    /// Causal (layer, head, query, key) edges that it cuts among the prompt's positions.
    package let promptEdges: Int
}

/// A patch on one prompt, waiting for its source's states.
package struct ResolvedPatch: Sendable, Equatable {
    package let site: Site
    package let layers: [Int]
    /// In the base run, ascending.
    package let positions: [Int]
    /// In the source run or state, as many, paired in order.
    package let sourcePositions: [Int]
}

extension ResolvedPatch {
    /// The states that it replaces.
    var sites: Set<SiteKey> { Set(layers.map { SiteKey(site: site, layer: $0) }) }
}

extension ResolvedSteer {
    /// The states that it adds to.
    var sites: Set<SiteKey> { Set(layers.map { SiteKey(site: site, layer: $0) }) }
}

/// A steer on one prompt, waiting for its direction's numbers.
package struct ResolvedSteer: Sendable, Equatable {
    package let site: Site
    package let layers: [Int]
    package let positions: PositionSet
    /// The state that is added, as the request names it.
    package let direction: String
    package let scale: Double
}

/// The interventions of one variant on one prompt.
package struct ResolvedInterventions: Sendable, Equatable {
    package var knockouts: [ResolvedKnockout] = []
    package var patches: [ResolvedPatch] = []
    package var steers: [ResolvedSteer] = []

    package static let none = ResolvedInterventions()

    package var isEmpty: Bool { knockouts.isEmpty && patches.isEmpty && steers.isEmpty }
}
