package import HTTPServer
package import Jobs
package import Logging
import Store

/// Everything that `narrowgate serve` runs, started in order and stopped in reverse.
///
///     store ─► models, engine thread ─► queue ─► worker ─► server
///
/// ```swift
/// let service = try await Service.start(configuration)
/// print("listening on \(service.address)")
/// await service.stop()
/// ```
///
/// Stopping loses nothing: what was acknowledged is in the store, requests in progress may finish, and the job at hand
/// is given back at its next layer, to go on where it was when the database is opened again.
package final class Service: Sendable {
    /// Where the server listens.
    package let address: BoundAddress
    /// What requests are served from, for a caller in the same process.
    package let jobs: JobService
    private let server: Server
    private let worker: Task<Void, Never>
    private let retention: Task<Void, Never>?
    private let closing: Closing
    private let grace: Duration
    private let logger: Logger

    private init(
        address: BoundAddress, jobs: JobService, server: Server, worker: Task<Void, Never>,
        retention: Task<Void, Never>?, closing: Closing, grace: Duration, logger: Logger
    ) {
        self.address = address
        self.jobs = jobs
        self.server = server
        self.worker = worker
        self.retention = retention
        self.closing = closing
        self.grace = grace
        self.logger = logger
    }

    /// Opens the database, begins to work on its jobs, and accepts connections. The default model loads meanwhile.
    ///
    /// - throws: ``ServeError``; `StoreError` for a database that cannot be used; `ServerError` for an address that
    ///   cannot be had.
    package static func start(
        _ configuration: ServeConfiguration, logger: Logger = Logger(label: "narrowgate")
    ) async throws -> Service {
        let store = try Store(path: configuration.database)
        let keys = try await KeyRing(store)
        try configuration.checkAddress(hasKeys: keys.isInUse)
        let models = ModelLibrary(
            directories: configuration.modelDirectories, digestCache: configuration.digestCache,
            numberFormat: configuration.numberFormat)
        let engine = EngineThread(decodingLimits: DecodingLimits(configuration.budgets))
        let queue = try await JobQueue(store: store, limit: configuration.queueLimit)
        let jobs = JobService(
            store: store, models: models, queue: queue, engine: engine, caches: EngineCaches(configuration.budgets))
        let closing = Closing()
        let routes = Routes(jobs: jobs, keys: keys, closing: closing, logger: logger)
        let server = Server(
            try routes.serverConfiguration(configuration), immediate: { routes.answerAtOnce($0) },
            handler: { await routes.answer($0) })
        let address = try await server.start()
        // For the commands of this machine that want something of whoever writes the database.
        store.announce(address: address.local)
        // Only now: a server that cannot listen must not have begun anybody's job.
        let runner = Worker(queue: queue, engine: engine, runner: jobs.jobRunner, logger: logger)
        let worker = Task { await runner.run() }
        let retention = configuration.keepJobs.map { age in
            Task { await Retention(store: store, age: age, logger: logger).run() }
        }
        if let name = models.defaultName {
            Task {
                do { _ = try await models.model(name) } catch {
                    logger.error("the default model cannot be loaded", metadata: ["error": "\(error)"])
                }
            }
        }
        return Service(
            address: address, jobs: jobs, server: server, worker: worker, retention: retention,
            closing: closing, grace: configuration.shutdownGrace, logger: logger)
    }

    /// Accepts nothing more, lets requests in progress finish, gives the job at hand back, and returns when all is quiet.
    package func stop() async {
        logger.info("stopping")
        // Followers of jobs would otherwise hold their connections for the whole of the grace.
        closing.close()
        await server.shutdown(grace: grace)
        worker.cancel()
        retention?.cancel()
        await worker.value
        await retention?.value
        jobs.engine.stop()
    }
}
