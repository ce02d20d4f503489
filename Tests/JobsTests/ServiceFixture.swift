import Checkpoints
import Foundation
import Interventions
import Jobs
import Models
import Store
import StrictJSON
import Testing

/// A job service over a fresh database and the committed reference checkpoints, with a worker at hand.
struct ServiceFixture {
    let folder: URL
    let store: Store
    let service: JobService
    let caches = EngineCaches()

    static let goldens = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Goldens")
    static let model = "chameleon-tiny"

    init(decodingLimits: DecodingLimits = DecodingLimits(), numberFormat: NumberFormat? = nil) async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "narrowgate-jobs-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        store = try Store(path: folder.appending(path: "jobs.sqlite").path)
        service = JobService(
            store: store, models: ModelLibrary(directories: [Self.goldens], numberFormat: numberFormat),
            queue: try await JobQueue(store: store),
            engine: EngineThread(decodingLimits: decodingLimits), caches: caches)
    }

    /// Runs `body` beside a worker and removes everything afterwards.
    static func run(
        decodingLimits: DecodingLimits = DecodingLimits(), numberFormat: NumberFormat? = nil,
        _ body: (ServiceFixture) async throws -> Void
    ) async throws {
        let fixture = try await ServiceFixture(decodingLimits: decodingLimits, numberFormat: numberFormat)
        let worker = Worker(
            queue: fixture.service.queue, engine: fixture.service.engine, runner: fixture.service.jobRunner)
        let working = Task { await worker.run() }
        defer { try? FileManager.default.removeItem(at: fixture.folder) }
        do {
            try await body(fixture)
        } catch {
            working.cancel()
            await working.value
            throw error
        }
        working.cancel()
        await working.value
    }

    func picture(_ name: String) async throws -> String {
        let file = Self.goldens.appending(path: "\(Self.model)/\(name)")
        return try await service.storePicture([UInt8](try Data(contentsOf: file))).digest
    }

    func plan(_ kind: JobKind, _ request: JSONValue) async throws -> JobPlan {
        let members = try JSONField(request).object()
        let specification = try JobSpecification(kind, members, defaultModel: Self.model)
        try members.finish()
        return try await service.plan(specification)
    }

    /// Makes a state as `POST /v1/states` does.
    func state(_ request: JSONValue) async throws -> StateRecord {
        let members = try JSONField(request).object()
        return try await service.makeState(try StateRequest(members, defaultModel: Self.model))
    }

    /// Stores an array as an uploaded `.npy` file is.
    func upload(_ elements: [Float], shape: [Int], site: Site? = nil, layers: [Int]? = nil) async throws -> StateRecord
    {
        var upload = StateUpload()
        upload.site = site
        upload.layers = layers
        let file = try NPYFile(shape: shape, elements: elements)
        return try await store.insert(try upload.state(in: file.bytes, called: "the file"))
    }

    /// The numbers of a stored state.
    func elements(_ digest: String) async throws -> [Float] {
        try #require(try await store.stateTensor(digest)).state.elements
    }

    /// Submits a job, waits for its end, and returns it with its rows.
    func finish(_ kind: JobKind, _ request: JSONValue) async throws -> (job: JobRecord, rows: [JSONValue]) {
        let submitted = try await service.submit(try await plan(kind, request))
        let job = try await service.queue.wait(for: submitted.id)
        let cells = try await store.cells(CellQuery(job: job.id, limit: 1000)).elements
        return (job, try cells.map { try JSONParser.parse($0.document) })
    }
}
