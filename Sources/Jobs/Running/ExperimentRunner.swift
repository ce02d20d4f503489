import Interventions
import Models
package import Store
import StrictJSON
import Synchronization

/// Runs captions, knockouts and patches for the worker: reads a job's request back, lays it out, computes its groups.
package struct ExperimentRunner: JobRunner {
    private let store: Store
    private let models: ModelLibrary
    private let caches: EngineCaches
    private let speed: EngineSpeed

    init(store: Store, models: ModelLibrary, caches: EngineCaches, speed: EngineSpeed) {
        self.store = store
        self.models = models
        self.caches = caches
        self.speed = speed
    }

    package func prepare(_ job: JobRecord) async throws -> any JobRun {
        guard let kind = JobKind(rawValue: job.kind) else {
            throw JobFailure.cannotRun(InterventionError(.unsupported, at: "kind", "\"\(job.kind)\" is no kind of job"))
        }
        var specification = try JobSpecification(kind, stored: job.request)
        var contents = RequestContents(store)
        try await specification.mapStates { try await contents.state($0, path: $1) }
        let plan = try JobPlan(
            specification, on: try await models.model(specification.model), states: contents.descriptions)
        return ExperimentRun(
            plan: plan, job: job.id, runner: self, speed: speed)
    }

    /// One group, with the pictures and states that it looks at.
    func group(_ number: Int, of plan: JobPlan, job: String) async throws -> GroupRun {
        try GroupRun(
            plan, job: job, group: number, pictures: try await store.pictures(try plan.images(ofGroup: number)),
            states: try await store.states(try plan.states(ofGroup: number)), caches: caches)
    }

    func summary(of plan: JobPlan, job: String) async throws -> String? {
        var summary = Summary(plan.specification.kind, seed: plan.seed)
        var query = CellQuery(job: job, limit: 1000)
        while true {
            let page = try await store.cells(query)
            for cell in page.elements { summary.add(cell) }
            guard page.hasMore, let last = page.elements.last else { break }
            query.after = CellQuery.Cursor(job: job, ordinal: last.ordinal)
        }
        return summary.json?.text
    }
}

/// A laid-out job in the worker's hands.
struct ExperimentRun: JobRun {
    let plan: JobPlan
    let job: String
    let runner: ExperimentRunner
    let speed: EngineSpeed
    private let clock = GroupClock()

    init(plan: JobPlan, job: String, runner: ExperimentRunner, speed: EngineSpeed) {
        (self.plan, self.job, self.runner, self.speed) = (plan, job, runner, speed)
    }

    var groups: [StackGroup] {
        (0..<plan.groupCount).map {
            StackGroup(number: $0, ordinals: $0 * plan.cellsPerGroup..<($0 + 1) * plan.cellsPerGroup)
        }
    }

    func computation(of group: StackGroup) async throws -> @Sendable (LayerBoundary) throws -> [CellRecord] {
        let run = try await runner.group(group.number, of: plan, job: job)
        clock.begin()
        return { [speed, clock] boundary in
            defer { clock.end() }
            return try run.cells(meter: speed) { try boundary.pass() }
        }
    }

    func failedCell(_ ordinal: Int, of group: StackGroup, message: String) -> CellRecord {
        FailedCell(plan: plan, job: job).record(
            group: group.number, place: ordinal - group.ordinals.lowerBound, code: "cell_failed", message: message)
    }

    func summary(of job: JobRecord) async throws -> String? {
        let summary = try await runner.summary(of: plan, job: job.id)
        if let seconds = clock.secondsOutside { speed.report(.group, on: plan.model, seconds: seconds) }
        return summary
    }
}

/// What a job's groups take beside their turns on the engine, for which they may have waited.
private final class GroupClock: Sendable {
    private struct State {
        let created = ContinuousClock.now
        var begun = ContinuousClock.now
        var turns = Duration.zero
        var groups = 0
    }

    private let state = Mutex(State())

    /// A group is handed to the engine.
    func begin() { state.withLock { $0.begun = .now } }

    /// Its turn is over.
    func end() {
        state.withLock { state in
            state.turns += .now - state.begun
            state.groups += 1
        }
    }

    /// Seconds a group, in the mean over the job so far; `nil` before there was one.
    var secondsOutside: Double? {
        state.withLock { state in
            guard state.groups > 0 else { return nil }
            return max(0, (.now - state.created - state.turns) / .seconds(1)) / Double(state.groups)
        }
    }
}

extension Store {
    /// The files of some pictures, by digest; what is not stored is left out.
    func pictures(_ digests: Set<String>) async throws -> [String: [UInt8]] {
        var pictures: [String: [UInt8]] = [:]
        for digest in digests { pictures[digest] = try await imageContent(digest) }
        return pictures
    }

    /// Some states with their numbers, by digest.
    ///
    /// - throws: `StoreError.unknownState`; what keeps one from being read.
    func states(_ digests: Set<String>) async throws -> [String: StateTensor] {
        var states: [String: StateTensor] = [:]
        for digest in digests {
            guard let found = try await stateTensor(digest) else { throw StoreError.unknownState(digest) }
            states[digest] = found.state
        }
        return states
    }
}
