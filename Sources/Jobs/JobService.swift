package import Interventions
package import Models
package import Store
package import StrictJSON

/// What HTTP and the command line do with pictures and jobs; both come in here and get the same bits.
///
///     specification ── plan ──► JobPlan ── submit ──► queued job (durable) ──► worker
///                                  │
///                                  ├── dryRun ──► what it would cost
///                                  └── caption ─► answer now, stored as a one-cell job
package final class JobService: Sendable {
    package let store: Store
    package let models: ModelLibrary
    package let queue: JobQueue
    package let engine: EngineThread
    private let runner: ExperimentRunner
    package let caches: EngineCaches
    private let speed: EngineSpeed

    package init(
        store: Store, models: ModelLibrary, queue: JobQueue, engine: EngineThread,
        caches: EngineCaches = EngineCaches()
    ) {
        self.store = store
        self.models = models
        self.queue = queue
        self.engine = engine
        self.caches = caches
        speed = EngineSpeed()
        runner = ExperimentRunner(store: store, models: models, caches: caches, speed: speed)
    }

    /// What a ``Worker`` runs claimed jobs with.
    package var jobRunner: any JobRunner { runner }

    // MARK: Pictures

    /// Stores a picture under its digest, or finds it there.
    ///
    /// - throws: ``PictureError`` for a file that is neither PNG nor JPEG, does not decode, or is too large.
    package func storePicture(_ file: [UInt8], key: KeyRecord? = nil) async throws -> ImageRecord {
        try await store.insert(try NewImage(file), key: key)
    }

    /// What planning does with pictures and states that come with a request.
    package enum PictureHold: Sendable { case store, examineOnly }

    // MARK: Jobs

    /// Checks a request in full and lays it out. Pictures that came with it are stored only if all of it is right.
    ///
    /// - Parameters:
    ///   - files: pictures that came beside the request, which names them by digest.
    ///   - states: states that came beside it.
    ///   - key: who asks, where there are keys; pictures and states that are not its own are unknown to it.
    /// - throws: what is wrong with which field: ``UnknownModel``, ``UnknownImage``, ``InterventionError``, …;
    ///   `PictureError` for one of `files`, ``RefusedImage`` for a picture inside the request.
    package func plan(
        _ specification: JobSpecification, pictures: PictureHold = .store, files: [[UInt8]] = [],
        states: [NewState] = [], key: KeyRecord? = nil
    ) async throws -> JobPlan {
        let model = try await models.model(specification.model)
        var specification = specification
        var contents = RequestContents(store, key: key)
        for file in files { try contents.bring(picture: file) }
        for state in states { contents.bring(state) }
        try await specification.mapImages { try await contents.image($0, path: $1) }
        try await specification.mapStates { try await contents.state($0, path: $1) }
        var plan = try JobPlan(specification, on: model, states: contents.descriptions)
        plan.key = key
        if case .store = pictures { try await contents.keep() }
        return plan
    }

    /// Queues a job; when this returns, the job survives anything.
    ///
    /// - Parameter idempotencyKey: the client's name for the request; the job that it has made already is returned.
    /// - throws: ``StoreError/queueFull(limit:)``, ``StoreError/idempotencyKeyReused(key:job:)``.
    package func submit(_ plan: JobPlan, idempotencyKey: IdempotencyKey? = nil) async throws -> JobRecord {
        try await queue.submit(
            kind: plan.specification.kind.rawValue, model: plan.model.name, request: plan.specification.json.text,
            total: plan.cellCount, states: plan.states.keys.sorted(), idempotencyKey: idempotencyKey, key: plan.key)
    }

    /// Captions one picture now, ahead of queued jobs and together with other captions, and stores the answer as a one-cell
    /// job.
    ///
    /// - Parameters:
    ///   - onBegin: told when the engine has begun, on the engine's thread.
    ///   - onToken: told of each token as it is chosen, there, too.
    /// - Returns: the answer of `POST /v1/captions`.
    package func caption(
        _ plan: JobPlan, onBegin: @escaping @Sendable () -> Void = {},
        onToken: @escaping @Sendable (GeneratedToken) -> Void = { _ in }
    ) async throws -> JSONValue {
        guard case .caption(let caption) = plan.specification else {
            throw InterventionError(.unsupported, at: "", "only a caption is answered at once")
        }
        let id = queue.newIdentifier()
        let group = try await runner.group(0, of: plan, job: id)
        let run = CaptionRun(group, caption)
        let result = try await engine.decode(run.memory) { [speed] boundary in
            onBegin()
            return try run.begin(ModelRun(plan.model, meter: speed) { try boundary.pass() }, onToken: onToken)
        }
        let cell = try group.captionCell(caption, result)
        caches.work.count([cell])
        _ = try await store.insertFinished(
            JobSubmission(
                id: id, kind: "caption", model: plan.model.name, request: plan.specification.json.text, total: 1,
                key: plan.key),
            cell: cell)
        var answer = JSONObject([("id", .string(id)), ("object", "caption")])
        for (name, value) in result.members.members { answer[name] = value }
        answer["provenance"] = group.provenance.json
        return .object(answer)
    }

    /// What a job would compute and cost, without running it.
    package func dryRun(_ plan: JobPlan) async throws -> JSONValue {
        let estimate = try JobEstimate(plan, caches: caches)
        let rates = try await speed.rates(of: plan.model, encodes: estimate.work.encodings > 0, engine: engine)
        return estimate.json(rates: rates, memory: .now, plan: plan)
    }
}

/// A digest under which no picture is stored.
package struct UnknownImage: Error, Sendable, CustomStringConvertible {
    package let digest: String
    package let path: String

    package var description: String { "\(path): there is no image \(digest); upload it with POST /v1/images" }
}

/// A picture inside a request that cannot be used.
package struct RefusedImage: Error, Sendable, CustomStringConvertible {
    package let error: PictureError
    package let path: String

    package var description: String { "\(path): \(error)" }
}
