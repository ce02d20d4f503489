package import Interventions
import Models

extension JobPlan {
    /// What is measured beside, as the request has it.
    package var beside: Measurements {
        switch specification {
        case .caption(let caption): caption.beside
        case .knockout(let knockout): knockout.measure.beside
        case .patch(let patch): patch.measure.beside
        }
    }

    /// What is measured beside in the run of a place on `context`. Random positions are the variant's own.
    package func measurements(at place: Place, in context: PromptContext) throws -> ResolvedMeasurements {
        guard !beside.isEmpty else { return .none }
        var variant = ""
        switch (specification, place) {
        case (.knockout(let knockout), .variant(let index, _)): variant = knockout.variants[index].name
        case (.patch, _): variant = "patch"
        default: break
        }
        return try InterventionPreparation(model: model, seed: seed, variant: variant, generates: false)
            .prepare(beside, in: context, path: "measure")
    }

    /// The most elements that the captures of one group may have together, because they are recorded together: 1 GiB.
    package static let maximumCapturedElements = 1 << 28

    /// Refuses captures of a group that would not fit into memory.
    func checkCaptures(in context: PromptContext) throws {
        let size = try measuredSize(in: context)
        let elements = size.elements * places.count
        guard elements <= Self.maximumCapturedElements else {
            throw InterventionError(
                .tooManyValues, at: "measure.captures",
                "the captures of one input's \(places.count) runs would have \(elements) elements; at most \(Self.maximumCapturedElements): name fewer layers or positions, pool them, or split the variants into several jobs"
            )
        }
    }

    /// How much the measurements of each run on `context` hold; all runs of a prompt are alike.
    func measuredSize(in context: PromptContext) throws -> MeasuredSize {
        MeasuredSize(try measurements(at: places[0], in: context), on: model.decoder.configuration)
    }

    /// Digests of every stored state that a group's interventions take.
    package func states(ofGroup group: Int) throws -> Set<String> {
        guard !states.isEmpty else { return [] }
        return try places.reduce(into: []) { found, place in
            found.formUnion(try interventions(at: place, in: contexts[group]).states)
        }
    }
}

/// How much one run's measurements hold.
struct MeasuredSize {
    /// Rows of attention, and the numbers in them.
    let attentionRows: Int
    let weights: Int
    /// Rows of logit lenses, and the tokens listed in them.
    let lensRows: Int
    let tokens: Int
    /// Elements of captured states.
    let elements: Int

    /// Bytes in the row, as rows of the shipped models have them on average, and of the files of states.
    var bytes: Int { attentionRows * 48 + weights * 24 + lensRows * 34 + tokens * 54 + elements * 4 }

    init(_ measurements: ResolvedMeasurements, on shape: DecoderConfiguration) {
        var (attentionRows, weights, lensRows, tokens) = (0, 0, 0, 0)
        for attention in measurements.attention {
            let queries = attention.overQueries == .mean ? 1 : attention.queries.count
            let rows = attention.layers.count * (attention.heads?.count ?? 1) * queries
            attentionRows += rows
            weights += rows * attention.keys.count
        }
        for lens in measurements.logitLens {
            lensRows += lens.layers.count * lens.positions.count
            tokens += lens.layers.count * lens.positions.count * lens.top
        }
        (self.attentionRows, self.weights, self.lensRows, self.tokens) = (attentionRows, weights, lensRows, tokens)
        elements = measurements.captures.reduce(0) { total, capture in
            let positions = capture.pool == .mean ? 1 : capture.positions.count
            return total + capture.layers.count * positions * shape.width(at: capture.site)
        }
    }
}
