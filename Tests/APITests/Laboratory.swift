import API
import Foundation
import HTTPServer
import HTTPTypes
import Jobs
import Logging
import Store
import StrictJSON

/// The routes over a real store in a temporary folder and a real, tiny model, which is served as `gate`.
final class Laboratory: Sendable {
    let folder: URL
    let jobs: JobService
    let routes: Routes
    let closing = Closing()

    /// Loaded once for all tests.
    private static let models = ModelLibrary(directories: [modelFolder])

    /// The repository's root.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// A folder of checkpoints: the golden model under the name `gate`, and a folder that is no model.
    static let modelFolder: URL = {
        let folder = temporaryFolder("models")
        let golden = root.appending(path: "Tests/Goldens/chameleon-tiny")
        do {
            try FileManager.default.copyItem(at: golden, to: folder.appending(path: "gate"))
            let broken = folder.appending(path: "broken")
            try FileManager.default.createDirectory(at: broken, withIntermediateDirectories: true)
            try Data("{}".utf8).write(to: broken.appending(path: "config.json"))
        } catch {
            fatalError("the golden model cannot be copied: \(error)")
        }
        atexit { try? FileManager.default.removeItem(at: Laboratory.modelFolder) }
        return folder
    }()

    static func temporaryFolder(_ name: String) -> URL {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "narrowgate-api-\(name)-\(UUID().uuidString)")
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    init(
        queueLimit: Int = 100, engine: EngineThread = EngineThread(), keys: KeyRing = KeyRing(),
        logger: Logger = Logger(label: "test")
    ) async throws {
        folder = Self.temporaryFolder("store")
        let store = try Store(path: folder.appending(path: "narrowgate.sqlite").path)
        jobs = JobService(
            store: store, models: Self.models, queue: try await JobQueue(store: store, limit: queueLimit),
            engine: engine)
        routes = Routes(jobs: jobs, keys: keys, closing: closing, logger: logger)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Runs a worker while `body` runs, and awaits its orderly end.
    func working(_ body: () async throws -> Void) async throws {
        let worker = Worker(queue: jobs.queue, engine: jobs.engine, runner: jobs.jobRunner, owner: "test")
        let task = Task { await worker.run() }
        defer { task.cancel() }
        try await body()
        task.cancel()
        await task.value
    }

    static func file(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: root.appending(path: "Tests/Goldens/chameleon-tiny/\(name)")))
    }

    /// The id that these bytes have as a picture.
    static func digest(_ file: [UInt8]) throws -> String { try ContentDigest.of(file) }

    // MARK: Requests

    func get(_ target: String, _ fields: HTTPFields = [:]) async throws -> Answer {
        try await answer(.get, target, fields)
    }

    func post(_ target: String, _ json: JSONValue, _ fields: HTTPFields = [:]) async throws -> Answer {
        try await post(target, json.bytes, type: "application/json", fields)
    }

    func post(_ target: String, _ content: [UInt8], type: String?, _ fields: HTTPFields = [:]) async throws -> Answer {
        var fields = fields
        fields[.contentType] = type
        return try await answer(.post, target, fields, content)
    }

    func answer(
        _ method: HTTPRequest.Method, _ target: String, _ fields: HTTPFields = [:], _ content: [UInt8] = []
    ) async throws -> Answer {
        let request = Request(
            method: method, target: try RequestTarget(target), headerFields: fields, content: content)
        return try await Answer(await routes.answer(request))
    }

    /// A job that has ended, asked for again for as long as that takes, up to half an hour.
    func ended(_ job: String) async throws -> Answer {
        for _ in 0..<29 {
            let answer = try await get("/v1/jobs/\(job)", [.prefer: "wait=60"])
            if answer.json["ended_at"] != .null { return answer }
        }
        return try await get("/v1/jobs/\(job)", [.prefer: "wait=60"])
    }

    /// Stores one of the golden pictures and returns its id.
    func picture(_ name: String = "image_a.png") async throws -> String {
        try await jobs.storePicture(try Self.file(name)).digest
    }
}

/// A response whose content has been read.
struct Answer: Sendable {
    let status: Int
    let fields: HTTPFields
    let content: [UInt8]

    init(_ response: Response) async throws {
        status = response.status.code
        fields = response.headerFields
        switch response.content {
        case .bytes(let bytes): content = bytes
        case .stream(let produce):
            let collected = Collected()
            try await produce(BodyWriter { await collected.append($0) })
            content = await collected.bytes
        }
    }

    private actor Collected {
        var bytes: [UInt8] = []
        func append(_ more: [UInt8]) { bytes += more }
    }

    /// The content as JSON; `null` where it is none.
    var json: JSONValue { (try? JSONParser.parse(content)) ?? .null }

    /// The content as text.
    var text: String { String(decoding: content, as: UTF8.self) }

    /// Of a problem: its code.
    var code: String? { json["error"]?["code"]?.stringValue }

    /// Of a problem: its sentence.
    var detail: String { (json["detail"] ?? json["error"]?["message"])?.stringValue ?? "" }

    /// Of a problem: its field.
    var field: String? { json["field"]?.stringValue }
}

extension JSONValue {
    /// The element at `index` of an array.
    subscript(index: Int) -> JSONValue? {
        arrayValue.flatMap { $0.indices.contains(index) ? $0[index] : nil }
    }
}
