import Models
import Numerics

extension SweepStack {
    /// A variant in a stack, with the clean run that it stands over.
    struct Member {
        let variant: SweepVariant
        let clean: CleanRun
        /// What is computed.
        let cone: Cone
        /// Whether anything that leads to the next token may differ from the clean run. If not, the next token's
        /// distribution is the clean run's own, to the last bit: [EOI] patched at layer 0 has effect 0, not 1e-7.
        let changesPrompt: Bool

        /// - Parameter cone: of the variant, idle patches included.
        init(_ variant: SweepVariant, cone: Cone, over clean: CleanRun, layers: Int) {
            self.variant = variant
            self.clean = clean
            changesPrompt =
                !Self.isIdle(variant, over: clean)
                && Cone(of: variant.interventions, tokens: cone.tokens, layers: layers).rows > 0
            self.cone = changesPrompt ? cone : Cone(of: .none, tokens: cone.tokens, layers: layers)
        }

        /// Whether all that is done puts in what is there already, or adds nothing.
        private static func isIdle(_ variant: SweepVariant, over clean: CleanRun) -> Bool {
            let interventions = variant.interventions
            guard interventions.knockouts.isEmpty, interventions.steers.allSatisfy({ $0.scale == 0 }) else {
                return false
            }
            return zip(interventions.patches, variant.sourceStates.patches).allSatisfy { patch, states in
                patch.layers.allSatisfy { layer in
                    guard let new = states[layer] else { return true }
                    return clean.state(at: SiteKey(site: patch.site, layer: layer), patch.positions) == new
                }
            }
        }

        /// What moves nothing is in the receipt although no row of it is computed.
        func accountForIdleStates(in hooks: RunHooks) {
            guard !changesPrompt else { return }
            var idle: [SiteKey: Set<Int>] = [:]
            for patch in variant.interventions.patches {
                for key in patch.sites { idle[key, default: []].formUnion(patch.positions) }
            }
            for steer in variant.interventions.steers {
                for key in steer.sites { idle[key, default: []].formUnion(steer.positions.prompt) }
            }
            for layer in cone.first.indices {
                for site in Site.allCases {
                    let key = SiteKey(site: site, layer: layer)
                    let positions = idle[key, default: []].filter { $0 < cone.first[layer] }.sorted()
                    guard let state = clean.state(at: key, positions), let first = positions.first,
                        let last = positions.last
                    else { continue }
                    var rows = Matrix(rows: last - first + 1, columns: state.columns)
                    for (row, position) in positions.enumerated() { rows.setRow(position - first, state.row(row)) }
                    hooks.visit(site, layer: layer, positions: first..<last + 1, state: &rows)
                }
            }
        }
    }
}
