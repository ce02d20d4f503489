import API
import Foundation
import StrictJSON
import Testing

@Suite("The service on a real port, asked by curl") struct LiveTests {
    /// How curl is told to speak.
    enum Speech: String, CaseIterable, Sendable {
        case http11 = "--http1.1"
        case http2 = "--http2-prior-knowledge"
    }

    @Test("every endpoint answers over HTTP/1.1 and HTTP/2", arguments: Speech.allCases)
    func endpoints(_ speech: Speech) async throws {
        let curl = try await Curl.start(speech)
        let picture = Laboratory.root.appending(path: "Tests/Goldens/chameleon-tiny/image_a.png").path
        #expect(try await curl("/livez").status == 200)

        let stored = try await curl("/v1/images", "--data-binary", "@\(picture)")
        #expect(stored.status == 201, "\(stored.text)")
        let image = try #require(stored.json["id"]?.stringValue)
        #expect(try await curl("/v1/images", "-F", "image=@\(picture)").json["id"] == .string(image))
        #expect(try await curl("/v1/images").json["data"]?[0]?["id"] == .string(image))
        #expect(try await curl("/v1/images/\(image)").content == [UInt8](try Data(contentsOf: URL(filePath: picture))))
        #expect(try await curl("/v1/images/\(image)", "-H", "Accept: application/json").json["width"] == 90)

        let raw = try await curl("/v1/captions?max_tokens=3", "--data-binary", "@\(picture)")
        #expect(raw.status == 200, "\(raw.text)")
        let caption = try await curl.post("/v1/captions", ["image": .string(image), "max_tokens": 3])
        #expect(caption.json["caption"] == raw.json["caption"])
        #expect(try await curl("/v1/captions", "-F", "image=@\(picture)", "-F", "max_tokens=3").status == 200)
        let later = try await curl.post(
            "/v1/captions", ["images": [.string(image)], "max_tokens": 3], "-H", "Prefer: wait=60")
        #expect(later.status == 202)
        let captioned = try #require(later.json["links"]?["self"]?.stringValue, "\(later.text)")
        #expect(try await curl.ended(captioned).json["status"] == "succeeded")

        let knockout = try await curl.post("/v1/knockouts", ["images": [.string(image)], "variants": ["eoi"]])
        #expect(knockout.status == 202, "\(knockout.text)")
        let patch = try await curl.post("/v1/patches", ["pairs": [["base": .string(image), "source": .string(image)]]])
        #expect(patch.status == 202, "\(patch.text)")
        let job = try #require(patch.json["links"]?["self"]?.stringValue)
        #expect(try await curl.ended(job).json["status"] == "succeeded")
        #expect(try await curl(job + "/events").text.hasSuffix("\n\n"))
        #expect(try await curl(job + "/results?limit=1").json["data"]?.arrayValue?.count == 1)
        #expect(try await curl(job + "/cancel", "-X", "POST").status == 409)
        #expect(try await curl("/v1/jobs?kind=patch").json["data"]?.arrayValue?.count == 1)
        #expect(try await curl("/v1/results?kind=knockout").json["data"]?.arrayValue?.count == 2)

        #expect(try await curl("/v1/models").json["data"]?[1]?["id"] == "gate")
        #expect(try await curl("/v1/models/gate").json["layers"] != nil)
        #expect([200, 503].contains(try await curl("/readyz").status))
        #expect(try await curl("/v1/jobs", "-I").status == 200)
        #expect(try await curl("/v1/jobs", "-X", "OPTIONS").status == 204)
        await curl.stop()
    }

    @Test("hostile requests are answered, and the next one is served", arguments: Speech.allCases)
    func hostile(_ speech: Speech) async throws {
        let curl = try await Curl.start(speech)
        let file = curl.folder.appending(path: "large")
        try Data().write(to: file)
        try FileHandle(forWritingTo: file).truncate(atOffset: 200_000_000)
        let large = try await curl("/v1/images", "-X", "POST", "-T", file.path)
        #expect(large.status == 413)
        #expect(large.json["error"]?["code"] == "content_too_large", "\(large.text)")
        let host = try await curl("/v1/jobs", "-H", "Host: evil.example")
        #expect(host.status == 421)
        #expect(host.json["type"] == "/docs/errors/wrong-host")
        #expect(try await curl("/v1/jobs", "-H", "Origin: https://evil.example").status == 403)
        let deep = curl.folder.appending(path: "deep.json")
        try Data(repeating: UInt8(ascii: "["), count: 100_000).write(to: deep)
        let nested = try await curl(
            "/v1/knockouts", "-H", "Content-Type: application/json", "--data-binary", "@\(deep.path)")
        #expect(nested.status == 400)
        #expect(nested.json["detail"]?.stringValue?.contains("nested deeper") == true)
        let bomb = curl.folder.appending(path: "bomb.png")
        try Data(pngBomb).write(to: bomb)
        #expect(try await curl("/v1/captions", "--data-binary", "@\(bomb.path)").status == 422)
        if speech == .http11 {
            let nothing = try await curl("/v1/captions", "-X", "POST")
            #expect(nothing.status == 411)
            #expect(nothing.json["type"] == "/docs/errors/length-required")
        }
        #expect(try await curl("/livez").json == ["status": "alive"])
        await curl.stop()
    }

    @Test("a stop ends followers of jobs, keeps what was acknowledged, and frees the database")
    func stop() async throws {
        let folder = Laboratory.temporaryFolder("live")
        let path = try await submitAndStop(in: folder)
        let second = try await Curl.start(.http11, in: folder)
        let ended = try await second.ended(path)
        #expect(ended.json["status"] == "succeeded", "\(ended.text)")
        #expect(try await second(path + "/results").json["data"]?.arrayValue?.count == 3)
        await second.stop()
    }

    /// The path of a job that a service took before it was stopped.
    private func submitAndStop(in folder: URL) async throws -> String {
        let curl = try await Curl.start(.http11, in: folder)
        let picture = Laboratory.root.appending(path: "Tests/Goldens/chameleon-tiny/image_a.png").path
        let image = try #require(try await curl("/v1/images", "--data-binary", "@\(picture)").json["id"])
        let job = try await curl.post("/v1/knockouts", ["images": [image], "variants": ["eoi", "bos"]])
        let path = try #require(job.json["links"]?["self"]?.stringValue)
        async let events = curl(path + "/events")
        await curl.service.stop()
        _ = try await events
        return path
    }

    @Test("an address that other machines reach is refused without keys")
    func address() async {
        let folder = Laboratory.temporaryFolder("address")
        defer { try? FileManager.default.removeItem(at: folder) }
        var configuration = ServeConfiguration(
            database: folder.appending(path: "narrowgate.sqlite").path, modelDirectories: [])
        configuration.host = "0.0.0.0"
        await #expect(throws: ServeError.notLoopback(host: "0.0.0.0")) {
            _ = try await Service.start(configuration)
        }
    }
}

/// curl, asking a service on a port of its own.
struct Curl: Sendable {
    let service: Service
    let folder: URL
    let speech: LiveTests.Speech

    static func start(_ speech: LiveTests.Speech, in folder: URL? = nil) async throws -> Curl {
        let folder = folder ?? Laboratory.temporaryFolder("live")
        var configuration = ServeConfiguration(
            database: folder.appending(path: "narrowgate.sqlite").path, modelDirectories: [Laboratory.modelFolder])
        configuration.shutdownGrace = .seconds(5)
        return Curl(service: try await Service.start(configuration), folder: folder, speech: speech)
    }

    /// Stops the service and removes its database.
    func stop() async {
        await service.stop()
        try? FileManager.default.removeItem(at: folder)
    }

    struct Answer: Sendable {
        let status: Int
        let content: [UInt8]

        var json: JSONValue { (try? JSONParser.parse(content)) ?? .null }
        var text: String { String(decoding: content, as: UTF8.self) }
    }

    func post(_ path: String, _ json: JSONValue, _ options: String...) async throws -> Answer {
        try await run(path, ["-H", "Content-Type: application/json", "--data-binary", json.text] + options)
    }

    func callAsFunction(_ path: String, _ options: String...) async throws -> Answer {
        try await run(path, options)
    }

    /// The job at a path once it has ended, asked for again for as long as that takes, up to half an hour.
    func ended(_ path: String) async throws -> Answer {
        for _ in 0..<29 {
            let answer = try await self(path, "-H", "Prefer: wait=60")
            if answer.json["ended_at"] != .null { return answer }
        }
        return try await self(path, "-H", "Prefer: wait=60")
    }

    private func run(_ path: String, _ options: [String]) async throws -> Answer {
        let output = folder.appending(path: UUID().uuidString)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments =
            ["curl", "-sS", speech.rawValue, "--max-time", "600", "-o", output.path, "-w", "%{http_code}"] + options
            + ["\(service.address)\(path)"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
        let status = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let content = (try? Data(contentsOf: output)).map { [UInt8]($0) } ?? []
        try? FileManager.default.removeItem(at: output)
        return Answer(status: Int(status) ?? 0, content: content)
    }
}
