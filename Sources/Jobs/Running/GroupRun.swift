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
    /// Whether its runs share what they have in common.
    let reuse: Reuse
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
        reuse = try plan.reuse(ofGroup: group)
        provenance = try Provenance(plan.model, reuse: reuse, seed: plan.seed)
    }

    /// Computes the group.
    ///
    /// - Parameters:
    ///   - meter: told what its pieces take.
    ///   - boundary: called at every layer boundary; what it throws ends the run.
    /// - Returns: a cell a place, in the order of their ordinals.
    package func cells(
        meter: (any WorkMeter)? = nil, boundary: @escaping () throws -> Void
    ) throws -> [CellRecord] {
        let start = ContinuousClock.now
        let tally = meter.map(TallyingMeter.init)
        let run = ModelRun(plan.model, meter: tally, boundary: boundary)
        let cells = try computedCells(run)
        if let meter, let tally, cells.contains(where: { $0.status == .ok }) {
            let rest = seconds(since: start) - run.pausedSeconds - tally.seconds
            meter.report(.cells(cells.count), on: plan.model, seconds: max(0, rest))
        }
        caches.work.count(cells)
        return cells
    }

    private func computedCells(_ run: ModelRun) throws -> [CellRecord] {
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
    func prompt(_ context: PromptContext, run: ModelRun) throws -> Prompt {
        try prompts.prompt(context, run: run)
    }

    /// What the interventions of the group's places take their states from.
    func sources(for prepared: [PreparedInterventions], run: ModelRun) throws -> SourceStates {
        // A clean source found is the clean source computed, so that captions look for theirs although they share nothing else.
        let finds = reuse == .on || plan.specification.kind == .caption
        return try SourceStates(
            for: prepared, run: run, states: states, cleanRuns: finds ? caches.cleanRuns : nil,
            sweeps: reuse == .on
        ) { try prompt($0, run: run) }
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

    /// Whether the job's runs share anything; a caption's group decides for itself.
    var reuse: Reuse {
        switch specification {
        case .caption: .on
        case .knockout(let knockout): knockout.reuse
        case .patch(let patch): patch.reuse
        }
    }

    /// The most tokens of a text that a run generates.
    var maximumTokens: Int {
        switch specification {
        case .caption(let caption): caption.generation.maximumTokens
        case .knockout(let job): job.measure.caption ? job.measure.maximumTokens : 0
        case .patch(let job): job.measure.caption ? job.measure.maximumTokens : 0
        }
    }

    /// How many prompts a group reads where its runs share nothing: one a cell, the runs that are compared with, and
    /// sources of patches.
    func runsAlone(ofGroup group: Int) throws -> Int {
        switch specification {
        case .caption:
            return try 1 + interventions(at: .caption, in: contexts[group]).resolved.patches.count
        case .knockout:
            return try places.reduce(0) {
                $0 + 1 + (try interventions(at: $1, in: contexts[group]).resolved.patches.isEmpty ? 0 : 1)
            }
        // Base, source, and the run that each cell takes its states from is the source again, once.
        case .patch: return places.count + 3
        }
    }

    /// Whether the runs of a group share what they have in common. A caption does where it is less work.
    package func reuse(ofGroup group: Int) throws -> Reuse {
        switch specification {
        case .knockout(let knockout): return knockout.reuse
        case .patch(let patch): return patch.reuse
        case .caption:
            let context = contexts[group]
            let shares = SweepVariant.sharesCleanRun(
                try interventions(at: .caption, in: context).resolved,
                measuring: try measurements(at: .caption, in: context), tokens: context.layout.tokens,
                layers: model.decoder.configuration.layers)
            return shares ? .on : .off
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
