import API
import Foundation
import HTTPServer
import HTTPTypes
import Jobs
import StrictJSON
import Synchronization
import Testing

@Suite("Captions as server-sent events") struct CaptionStreamTests {
    static let accept: HTTPFields = [.accept: "text/event-stream"]

    /// What a client makes of a stream.
    struct Event: Equatable {
        let name: String
        let data: JSONValue

        static func all(in text: String) throws -> [Event] {
            try text.components(separatedBy: "\n\n").filter { !$0.isEmpty && !$0.hasPrefix(":") }.map { block in
                let lines = block.split(separator: "\n")
                try #require(lines.count == 2 && lines[0].hasPrefix("event: ") && lines[1].hasPrefix("data: "))
                return Event(
                    name: String(lines[0].dropFirst(7)), data: try JSONParser.parse(String(lines[1].dropFirst(6))))
            }
        }
    }

    /// An answer without what differs between two runs of one request.
    private func essence(_ answer: JSONValue) -> JSONValue {
        var object = answer.objectValue ?? JSONObject()
        for name in ["id", "job", "seconds"] { object[name] = nil }
        return .object(object)
    }

    @Test("every request form streams its tokens and then the answer that a plain request gets")
    func forms() async throws {
        let laboratory = try await Laboratory()
        let file = try Laboratory.file("image_a.png")
        let members: [(String, JSONValue)] = [
            ("image", .string(dataURL(file))), ("max_tokens", 4), ("top_logprobs", 2), ("seed", 3),
            ("temperature", 1.5),
        ]
        let plain = try await laboratory.post("/v1/captions", .object(JSONObject(members)))
        #expect(plain.status == 200, "\(plain.text)")
        let form = ImageRouteTests.form([
            "image": file,
            "request": Array(#"{"max_tokens": 4, "top_logprobs": 2, "seed": 3, "temperature": 1.5}"#.utf8),
        ])
        let query = "/v1/captions?max_tokens=4&top_logprobs=2&seed=3&temperature=1.5"
        for answer in [
            try await laboratory.post("/v1/captions", .object(JSONObject(members)), Self.accept),
            try await laboratory.post(query, file, type: "image/png", Self.accept),
            try await laboratory.post(query, file, type: "application/x-www-form-urlencoded", Self.accept),
            try await laboratory.post("/v1/captions", form.content, type: form.type, Self.accept),
        ] {
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.fields[.contentType] == "text/event-stream")
            let events = try Event.all(in: answer.text)
            #expect(events.map(\.name) == ["token", "token", "token", "token", "done"])
            let done = try #require(events.last?.data)
            #expect(essence(done) == essence(plain.json))
            #expect(done["tokens"] == .array(events.dropLast().map(\.data)))

            let id = try #require(done["id"]?.stringValue)
            let rows = try await laboratory.get("/v1/jobs/\(id)/results")
            let stored = try #require(plain.json["id"]?.stringValue)
            let expected = try await laboratory.get("/v1/jobs/\(stored)/results")
            #expect(essence(rows.json["data"]?[0] ?? .null) == essence(expected.json["data"]?[0] ?? .null))
        }
    }

    @Test("what cannot run, and an engine that takes no more, is an ordinary problem")
    func before() async throws {
        let laboratory = try await Laboratory()
        let picture = try Laboratory.file("image_a.png")
        let preset = try await laboratory.post("/v1/captions?preset=x", picture, type: "image/png", Self.accept)
        #expect(preset.status == 422 && preset.field == "preset")
        #expect(preset.fields[.contentType] == "application/problem+json")
        let nothing = try await laboratory.post("/v1/captions", [1], type: "image/png", Self.accept)
        #expect(nothing.status == 415 && nothing.code == "not_an_image")

        let busy = try await Laboratory(engine: EngineThread(interactiveLimit: 0))
        let refused = try await busy.post("/v1/captions", picture, type: "image/png", Self.accept)
        #expect(refused.status == 503 && refused.code == "engine_busy", "\(refused.text)")
        #expect(refused.fields[.retryAfter] == "1")
    }

    @Test("a job and a dry run are answered as ever")
    func jobs() async throws {
        let laboratory = try await Laboratory()
        let image: JSONValue = .string(try await laboratory.picture())
        let job = try await laboratory.post("/v1/captions", ["images": [image, image]], Self.accept)
        #expect(job.status == 202 && job.json["object"] == "job")
        var fields = Self.accept
        fields[.prefer] = "respond-async"
        #expect(try await laboratory.post("/v1/captions", ["image": image], fields).status == 202)
        let plan = try await laboratory.post("/v1/captions", ["image": image, "dry_run": true], Self.accept)
        #expect(plan.json["object"] == "plan")
    }

    /// Begins a caption that would take long, and hands each piece of its stream to `onPiece`.
    private func begin(
        _ laboratory: Laboratory, _ onPiece: @escaping @Sendable (String) throws -> Void
    ) async throws {
        let request = Request(
            method: .post, target: try RequestTarget("/v1/captions?max_tokens=3000"),
            headerFields: [.contentType: "image/png", .accept: "text/event-stream"],
            content: try Laboratory.file("image_a.png"))
        let response = await laboratory.routes.answer(request)
        guard case .stream(let produce) = response.content else { throw NoStream() }
        try await produce(BodyWriter { try onPiece(String(decoding: $0, as: UTF8.self)) })
    }

    private struct NoStream: Error {}

    @Test("what goes wrong in the middle is an event with the problem, and the last one")
    func middle() async throws {
        let laboratory = try await Laboratory()
        let pieces = Mutex("")
        try await begin(laboratory) { piece in
            pieces.withLock { $0 += piece }
            if piece.hasPrefix("event: token") { laboratory.jobs.engine.stop() }
        }
        let events = try Event.all(in: pieces.withLock { $0 })
        #expect(events.first?.name == "token")
        let problem = try #require(events.last)
        #expect(problem.name == "error")
        #expect(problem.data["status"] == 503)
        #expect(problem.data["error"]?["code"] == "shutting_down")
        #expect(problem.data["instance"] == "/v1/captions")
        #expect(try await laboratory.get("/v1/jobs").json["data"] == [])
    }

    @Test("a client that goes in the middle stops the compute, and nothing is stored")
    func gone() async throws {
        let laboratory = try await Laboratory()
        await #expect(throws: ClientGone.self) { try await begin(laboratory) { _ in throw ClientGone() } }
        // The engine has one thread: this runs when the caption has left it.
        try await laboratory.jobs.engine.run(.interactive) { _ in }
        #expect(try await laboratory.get("/v1/jobs").json["data"] == [])
    }

    @Test("a stream that nobody ever reads stops the compute")
    func unread() async throws {
        let laboratory = try await Laboratory()
        do {
            let request = Request(
                method: .post, target: try RequestTarget("/v1/captions?max_tokens=3000"),
                headerFields: [.contentType: "image/png", .accept: "text/event-stream"],
                content: try Laboratory.file("image_a.png"))
            let response = await laboratory.routes.answer(request)
            #expect(response.status == .ok)
        }
        try await laboratory.jobs.engine.run(.interactive) { _ in }
        #expect(try await laboratory.get("/v1/jobs").json["data"] == [])
    }
}
