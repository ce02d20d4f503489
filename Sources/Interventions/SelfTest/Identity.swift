import Models

/// Two ways to the same numbers.
struct Identity {
    /// How far apart the two ways were.
    struct Finding {
        var difference: Double
        /// Where it was largest, in identities of several parts.
        var detail: String?
    }

    /// How far apart the two ways may be.
    enum Tolerance {
        /// Not at all: both make the same products.
        case exact
        /// Not at all in float32. In bfloat16 attention that is looked at is computed head by head, other attention is not.
        case exactUnlessRounded
        /// As far as the number format's logits may be off.
        case rounding
        /// Of sums of probabilities.
        case sums

        func bound(in format: NumberFormat) -> Double {
            switch self {
            case .exact: 0
            case .exactUnlessRounded: format == .float32 ? 0 : Double(format.logitError)
            case .rounding: Double(format.logitError)
            case .sums: 1e-5
            }
        }
    }

    /// As a sentence.
    let name: String
    let tolerance: Tolerance
    let measure: (SelfTestRuns) throws -> Finding

    init(
        _ name: String, within tolerance: Tolerance = .exact, _ measure: @escaping (SelfTestRuns) throws -> Finding
    ) {
        self.name = name
        self.tolerance = tolerance
        self.measure = measure
    }

    /// An identity of two runs, compared by their next-token logits.
    private static func equal(
        _ name: String, within tolerance: Tolerance = .exact,
        _ runs: @escaping (SelfTestRuns) throws -> (RunOutcome, RunOutcome)
    ) -> Identity {
        Identity(name, within: tolerance) {
            let (first, second) = try runs($0)
            return Finding(difference: SelfTestRuns.difference(first, second))
        }
    }

    static var all: [Identity] {
        return [
            Identity("the logits of a clean run are numbers") { runs in
                let logits = try runs.clean().nextToken.logits + runs.clean(SelfTestRuns.otherImage).nextToken.logits
                return Finding(difference: logits.allSatisfy(\.isFinite) ? 0 : .infinity)
            },
            equal("the same run twice is the same") { (try $0.run(InterventionSet()), try $0.clean()) },
        ] + patching + steering + cutting + measuring
    }

    private static var patching: [Identity] {
        [
            equal("patching a run with itself changes nothing, at every site and layer") { runs in
                let patches = Site.allCases.map { Patch(site: $0, layers: .all, positions: .role("all")) }
                return (
                    try runs.run(InterventionSet(patches: patches), source: SelfTestRuns.baseImage), try runs.clean()
                )
            },
            equal("patching every position of layer 0 is the source's run") { runs in
                let patch = Patch(site: .residIn, layers: .layer(0), positions: .role("all"))
                return (try runs.run(InterventionSet(patches: [patch])), try runs.clean(SelfTestRuns.otherImage))
            },
            equal("[EOI] enters layer 0 as a constant: patching it there changes nothing") { runs in
                let patch = Patch(site: .residIn, layers: .layer(0), positions: .role("eoi"))
                return (try runs.run(InterventionSet(patches: [patch])), try runs.clean())
            },
            equal("a patch from a captured state is the patch from the run") { runs in
                let layer = LayerSelection.layer(runs.middle)
                let captured = try runs.captured(layers: layer, positions: "eoi")
                func patches(_ source: (Site) -> PatchSource?) -> InterventionSet {
                    InterventionSet(
                        patches: Site.allCases.map {
                            Patch(site: $0, layers: layer, positions: .role("eoi"), source: source($0))
                        })
                }
                return (
                    try runs.run(patches { PatchSource(state: $0.rawValue) }, states: captured),
                    try runs.run(patches { _ in nil })
                )
            },
            Identity("a variant in a sweep is the same asked alone") { runs in
                let sets = runs.variety
                var finding = Finding(difference: 0)
                for (together, set) in zip(try runs.swept(sets), sets) {
                    finding.worsen(SelfTestRuns.difference(together, try runs.swept([set])[0]))
                }
                return finding
            },
            Identity("a variant over the clean run is the same from its first token", within: .rounding) { runs in
                let sets = runs.variety
                var finding = Finding(difference: 0)
                for (together, set) in zip(try runs.swept(sets), sets) {
                    finding.worsen(SelfTestRuns.difference(together, try runs.run(set)))
                }
                return finding
            },
        ]
    }

    private static var steering: [Identity] {
        [
            equal("steering by 0 changes nothing, at every site and layer") { runs in
                let states = try runs.captured(layers: .all, positions: "eoi")
                let steers = Site.allCases.map {
                    Steer(site: $0, layers: .all, positions: .role("all"), direction: $0.rawValue, scale: 0)
                }
                return (try runs.run(InterventionSet(steers: steers), states: states), try runs.clean())
            },
            Identity("steering by the source's state less the base's is patching, at every site", within: .rounding) {
                runs in
                let positions = "image"
                let layer = LayerSelection.layer(runs.middle)
                let sources = try runs.captured(layers: layer, positions: positions)
                let bases = try runs.captured(layers: layer, positions: positions, on: SelfTestRuns.baseImage)
                var finding = Finding(difference: 0)
                for site in Site.allCases {
                    guard let source = sources[site.rawValue], let base = bases[site.rawValue] else { continue }
                    let steer = Steer(
                        site: site, layers: layer, positions: .role(positions), direction: "difference")
                    let patch = Patch(site: site, layers: layer, positions: .role(positions))
                    finding.worsen(
                        SelfTestRuns.difference(
                            try runs.run(
                                InterventionSet(steers: [steer]),
                                states: ["difference": try .difference(source, base)]),
                            try runs.run(InterventionSet(patches: [patch]))),
                        site.rawValue)
                }
                return finding
            },
        ]
    }

    private static var cutting: [Identity] {
        [
            equal("cutting value vectors is zeroing their weights for all queries") { runs in
                func cut(_ mode: KnockoutMode) -> InterventionSet {
                    InterventionSet(knockouts: [Knockout(queries: .role("all"), keys: .role("image"), mode: mode)])
                }
                return (try runs.run(cut(.value)), try runs.run(cut(.zero)))
            },
            Identity("two cuts are their union, in every mode") { runs in
                var finding = Finding(difference: 0)
                for mode in KnockoutMode.allCases {
                    func cut(_ keys: String...) -> Knockout {
                        Knockout(
                            queries: .role("all"), keys: .list(keys.map { .role($0) }),
                            layers: .list([.range(runs.middle..<runs.shape.layers)]), mode: mode)
                    }
                    let two = InterventionSet(knockouts: [cut("image"), cut("last_image", "eoi")])
                    let one = InterventionSet(knockouts: [cut("image", "eoi")])
                    finding.worsen(SelfTestRuns.difference(try runs.run(two), try runs.run(one)), mode.rawValue)
                }
                return finding
            },
            Identity("a query that is cut from every key takes nothing from attention", within: .exactUnlessRounded) {
                runs in
                let layer = LayerSelection.layer(runs.middle)
                let nothing = StateTensor(
                    StateDescription(
                        site: .attnOut, layers: nil, layerCount: 1, positions: 1, width: runs.shape.hidden),
                    elements: Array(repeating: 0, count: runs.shape.hidden))
                let patch = Patch(
                    site: .attnOut, layers: layer, positions: .role("last"), source: PatchSource(state: "nothing"))
                let silent = try runs.run(InterventionSet(patches: [patch]), states: ["nothing": nothing])
                var finding = Finding(difference: 0)
                for mode in [KnockoutMode.zero, .mask] {
                    let cut = Knockout(queries: .role("last"), keys: .role("all"), layers: layer, mode: mode)
                    finding.worsen(
                        SelfTestRuns.difference(try runs.run(InterventionSet(knockouts: [cut])), silent), mode.rawValue)
                }
                return finding
            },
            Identity("cutting no causal edge is refused") { runs in
                let cut = InterventionSet(knockouts: [Knockout(queries: .index(0), keys: .role("last"))])
                do { _ = try runs.run(cut) } catch let error as InterventionError where error.code == .nothingToDo {
                    return Finding(difference: 0)
                }
                return Finding(difference: .infinity, detail: "it ran")
            },
        ]
    }

    private static var measuring: [Identity] {
        [
            Identity("the attention of a query adds up to 1 over the roles", within: .sums) { runs in
                let asked = Measurements.Attention(queries: .role("last"))
                let rows = try runs.run(InterventionSet(), measuring: Measurements(attention: [asked]))
                    .measurements.attention.flatMap(\.rows)
                var finding = Finding(difference: rows.isEmpty ? .infinity : 0)
                for row in rows { finding.worsen(abs(row.weights.reduce(0, +) - 1), "layer \(row.layer)") }
                return finding
            },
            Identity("the last layer through the logit lens is the model's output", within: .sums) { runs in
                let asked = Measurements.LogitLens(
                    site: .residOut, layers: .layer(runs.shape.layers - 1), positions: .role("last"))
                let outcome = try runs.run(InterventionSet(), measuring: Measurements(logitLens: [asked]))
                let tokens = outcome.measurements.logitLens.flatMap(\.rows).flatMap(\.top)
                var finding = Finding(difference: tokens.isEmpty ? .infinity : 0)
                for token in tokens {
                    finding.worsen(abs(token.probability - outcome.nextToken.probability(of: token.id)))
                }
                return finding
            },
            Identity("tokens read one by one are tokens read at once", within: .rounding) { runs in
                let tokens = try runs.run(InterventionSet(), generating: 4).generation?.tokens ?? []
                guard let last = tokens.last else { return Finding(difference: .infinity, detail: "no token came") }
                let whole = try runs.read(following: tokens.dropLast().map(\.token.id)).nextToken
                var finding = Finding(difference: 0)
                for token in [last.token] + last.top {
                    finding.worsen(abs(token.probability - whole.probability(of: token.id)))
                }
                return finding
            },
        ]
    }
}

extension Identity.Finding {
    /// Takes another difference in; what is no number counts as infinite.
    mutating func worsen(_ other: Double, _ detail: String? = nil) {
        let other = other.isNaN ? .infinity : other
        guard other > difference else { return }
        difference = other
        self.detail = detail
    }
}

extension SelfTestRuns {
    /// Patches at some layers and cuts in every mode.
    fileprivate var variety: [InterventionSet] {
        let positions = PositionExpression.list([.role("image"), .role("eoi")])
        return [0, middle, shape.layers - 1].map {
            InterventionSet(patches: [Patch(site: .residOut, layers: .layer($0), positions: positions)])
        }
            + KnockoutMode.allCases.map {
                InterventionSet(knockouts: [Knockout(queries: .role("all"), keys: .role("eoi"), mode: $0)])
            }
    }

    /// Captured states of some layers and a role at every site, by the sites' names.
    fileprivate func captured(layers: LayerSelection, positions: String, on image: String = otherImage) throws
        -> [String: StateTensor]
    {
        let captures = Site.allCases.map {
            Measurements.Capture(site: $0, layers: layers, positions: .role(positions))
        }
        let outcome = try run(InterventionSet(), on: image, measuring: Measurements(captures: captures))
        return outcome.measurements.captures.reduce(into: [:]) {
            $0[$1.specification.site.rawValue] = $1.state
        }
    }
}
