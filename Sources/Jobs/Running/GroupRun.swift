package import Interventions
import Models
package import Store
import StrictJSON

/// One stack group on its way through the engine: every cell of one input or pair.
///
/// Made where the pictures can be fetched, run on the engine's thread. A cell that cannot be computed
/// becomes a failed row; only a cancelled or lost run throws.
package struct GroupRun: Sendable {
    let plan: JobPlan
    let job: String
    let group: Int
    private let prompts: EncodedPrompts
    let caches: EngineCaches
    /// The stored states that the group's interventions name, by digest.
    private let states: [String: StateTensor]
    let provenance: Provenance

    /// - Parameters:
    ///   - pictures: the files of ``JobPlan/images(ofGroup:)``, by digest.
    ///   - states: those of ``JobPlan/states(ofGroup:)``, by digest.
    package init(
        _ plan: JobPlan, job: String, group: Int, pictures: [String: [UInt8]], states: [String: StateTensor] = [:],
        caches: EngineCaches
    ) throws {
        self.plan = plan
        self.job = job
        self.group = group
        self.states = states
        self.caches = caches
        prompts = EncodedPrompts(model: plan.model, pictures: pictures, cache: caches.images)
        provenance = try Provenance(plan.model, reuse: plan.reuse, seed: plan.seed)
    }

    /// Computes the group.
    ///
    /// - Parameter boundary: called at every layer boundary; what it throws ends the run.
    /// - Returns: a cell a place, in the order of their ordinals.
    package func cells(boundary: @escaping () throws -> Void) throws -> [CellRecord] {
        let cells = try computedCells(boundary: boundary)
        caches.work.count(cells)
        return cells
    }

    private func computedCells(boundary: @escaping () throws -> Void) throws -> [CellRecord] {
        let run = ModelRun(plan.model, boundary: boundary)
        do {
            switch plan.specification {
            case .caption(let caption): return [try captionCell(caption, run: run)]
            case .knockout(let knockout): return try knockoutCells(knockout, run: run)
            case .patch(let patch): return try patchCells(patch, run: run)
            }
        } catch let failure as CellFailure {
            let failed = FailedCell(plan: plan, job: job)
            return plan.places.indices.map {
                failed.record(group: group, place: $0, code: "picture_unreadable", message: failure.description)
            }
        }
    }

    /// The prompt of a context with its picture encoded.
    ///
    /// - throws: ``CellFailure`` for a picture that is gone or does not decode.
    func prompt(_ context: PromptContext, boundary: @escaping () throws -> Void) throws -> Prompt {
        try prompts.prompt(context, boundary: boundary)
    }

    /// What the interventions of the group's places take their states from.
    func sources(for prepared: [PreparedInterventions], run: ModelRun) throws -> SourceStates {
        // A clean source found is the clean source computed, so that captions look for theirs although they share nothing else.
        let finds = plan.reuse == .on || plan.specification.kind == .caption
        return try SourceStates(
            for: prepared, run: run, states: states, cleanRuns: finds ? caches.cleanRuns : nil,
            sweeps: plan.reuse == .on
        ) { try prompt($0, boundary: run.boundary) }
    }

    func ordinal(_ place: Int) -> Int { group * plan.cellsPerGroup + place }

    func seconds(since start: ContinuousClock.Instant) -> Double {
        (ContinuousClock.now - start) / .seconds(1)
    }

    /// The members that every row begins with.
    func rowHead(_ place: Int, status: CellRecord.Status) -> JSONObject {
        JSONObject([
            ("id", .string("\(job)/\(ordinal(place))")), ("job", .string(job)),
            ("kind", .string(plan.specification.kind.rawValue)), ("status", .string(status.rawValue)),
        ])
    }
}

extension JobPlan {
    package var seed: Int {
        switch specification {
        case .caption(let caption): caption.generation.seed
        case .knockout(let knockout): knockout.seed
        case .patch(let patch): patch.seed
        }
    }

    /// Whether runs share what they have in common. A caption under interventions is read from its first token.
    package var reuse: Reuse {
        switch specification {
        case .caption(let caption): caption.interventions?.isEmpty == false ? .off : .on
        case .knockout(let knockout): knockout.reuse
        case .patch(let patch): patch.reuse
        }
    }

    /// What a row calls its input, variant and layer.
    func names(group: Int, place: Int) -> (input: String, variant: String?, layer: Int?) {
        switch (specification, places[place]) {
        case (.caption(let caption), _): (caption.inputs[group].id, nil, nil)
        case (.knockout(let knockout), .variant(let index, let layer)):
            (knockout.inputs[group].id, knockout.variants[index].name, layer)
        case (.knockout(let knockout), _): (knockout.inputs[group].id, "clean", nil)
        case (.patch(let patch), .patch(let layer)): (patch.pairs[group].id, nil, layer)
        case (.patch(let patch), _): (patch.pairs[group].id, nil, nil)
        }
    }
}
