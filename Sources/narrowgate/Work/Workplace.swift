import Foundation
import Jobs
import Store
import StrictJSON

/// Everything that runs jobs, in this process: what HTTP's endpoints stand on, without HTTP.
final class Workplace: Sendable {
    let service: JobService
    private let worker: Task<Void, Never>

    /// Opens the database for writing and begins to work on the jobs in it.
    ///
    /// - Parameter model: what the request calls its model, which may be a folder.
    /// - throws: `StoreError`, ``CommandError``.
    init(settings: Settings, folders: [String], model: String?) async throws {
        let directories = try ModelFolders.directories(
            folders, file: settings.models ?? [], model: model)
        let store = try Store(path: settings.database ?? DatabaseOptions.defaultDatabase)
        let models = ModelLibrary(
            directories: directories, digestCache: Installation.digestCache, numberFormat: settings.numberFormat)
        let queue = try await JobQueue(store: store, limit: settings.queueLimit ?? 10_000)
        let engine = EngineThread(decodingLimits: DecodingLimits(settings.budgets))
        service = JobService(
            store: store, models: models, queue: queue, engine: engine, caches: EngineCaches(settings.budgets))
        let work = Worker(queue: queue, engine: engine, runner: service.jobRunner)
        worker = Task { await work.run() }
    }

    /// Gives the job at hand back, if there is one, and returns when all is quiet.
    func close() async {
        worker.cancel()
        await worker.value
        service.engine.stop()
    }

    /// Checks a request, spelled as over HTTP.
    ///
    /// - Parameter object: the request's members; pictures may be paths of files.
    func specification(_ kind: JobKind, _ object: JSONObject) throws -> JobSpecification {
        let members = JSONFields(object)
        let specification = try JobSpecification(kind, members, defaultModel: service.models.defaultName ?? "")
        members.ignore("dry_run")
        try members.finish()
        return specification
    }

    /// Queues a job and waits for its end, with a progress bar on a terminal; the first interrupt cancels it.
    ///
    /// - throws: ``CommandError`` if it does not end as succeeded.
    func finish(_ plan: JobPlan) async throws -> JobRecord {
        let job = try await service.submit(plan)
        let queue = service.queue
        let interrupts = InterruptSignals { Task { _ = try? await queue.cancel(job.id) } }
        defer { interrupts.stop() }
        let bar = ProgressBar("\(job.kind) on \(job.model)")
        for await update in try await queue.follow(job.id) {
            bar.show(update.state.progress, etaSeconds: update.etaSeconds)
        }
        bar.clear()
        guard let ended = try await service.store.job(job.id) else { throw StoreError.unknownJob(job.id) }
        return ended
    }

    /// A job's rows, in order.
    func rows(of job: String) async throws -> [JSONValue] { try await service.store.allRows(of: job) }
}

extension Store {
    /// Every row of a job, in order.
    func allRows(of job: String) async throws -> [JSONValue] {
        var rows: [JSONValue] = []
        var query = CellQuery(job: job, limit: 1000)
        while true {
            let page = try await cells(query)
            rows += try page.elements.map { try JSONParser.parse($0.document) }
            guard page.hasMore, let last = page.elements.last else { return rows }
            query.after = CellQuery.Cursor(job: job, ordinal: last.ordinal)
        }
    }
}

extension JobRecord {
    /// - throws: ``CommandError`` with the reason, if the job did not end well.
    func requireSuccess() throws(CommandError) {
        switch status {
        case .succeeded: return
        case .failed:
            let message = error.flatMap { try? JSONParser.parse($0) }?["message"]?.stringValue
            throw CommandError("job \(id) failed: \(message ?? "see narrowgate jobs show \(id)")")
        default: throw CommandError("job \(id) was \(status.rawValue)")
        }
    }
}
