import Foundation
import StrictJSON
import TestSupport
import Testing

/// A server that is killed while a stack of variants is under way, in both number formats.
///
/// The job is one stack group, and its picture and clean run are at hand: what is left to do from the moment it is begun is
/// the stack. The kill comes when the job is seen running, or some answers later, so that it falls here and there in it.
@Suite("A job whose process is killed in the middle of a stack") struct KilledStackTests {
    private static let kills = 2
    /// A kill may come after the job's end; then it is tried again with a longer job, so many times in all.
    private static let attempts = 12
    /// How long a job may become.
    private static let longest = 384

    @Test("has, resumed by another process, the rows of an undisturbed run", arguments: ["float32", "bfloat16"])
    func killed(format: String) async throws {
        let scratch = try ScratchFolder("killed-stack")
        let arguments = ["--port", "0", "--number-format", format]
        var server = try await RunningServer.start(arguments, in: scratch)
        let image = try await Self.image(on: server)
        var variants = 24
        var request = Self.request(image, variants: variants)
        var expected = try await Self.rows(of: try await Self.submit(request, server), server)
        #expect(expected.count == 25)
        var interrupted = 0
        var missed = false
        for _ in 0..<Self.attempts where interrupted < Self.kills {
            // Again in this process, over what the other run left in its caches.
            #expect(try await Self.rows(of: try await Self.submit(request, server), server) == expected)
            let job = try await Self.submit(request, server)
            try await Self.untilRunning(job, server)
            // On a machine where a kill came too late once there is no time to give away.
            let answers = missed ? 0 : Int.random(in: 0...3)
            for _ in 0..<answers { _ = try await server.curl("/livez") }
            await server.killAtOnce()
            let found = try await Command("/usr/bin/sqlite3").run([
                "-readonly", scratch.path("jobs.sqlite"), "SELECT status, done FROM jobs WHERE id = '\(job)'",
            ])
            server = try await RunningServer.start(arguments, in: scratch)
            #expect(try await Self.rows(of: job, server) == expected)
            if found.lines == ["running|0"] {
                interrupted += 1
                #expect(try await server.ended(job)["attempt"] == 2)
            } else {
                missed = true
                variants = min(2 * variants, Self.longest)
                request = Self.request(image, variants: variants)
                expected = try await Self.rows(of: try await Self.submit(request, server), server)
                #expect(expected.count == variants + 1)
            }
        }
        #expect(interrupted > 0, "no kill came before the job's end: nothing was tested")
        #expect(await server.stop() == 0)
    }

    private static func image(on server: RunningServer) async throws -> JSONValue {
        let answer = try await server.curl(
            "/v1/images", ["--data-binary", "@\(Narrowgate.picture("white-cross-blue-circle.png"))"])
        return try #require(try JSONParser.parse(answer.text)["id"])
    }

    /// A knockout job of one picture, and so of one stack group: a clean run and so many variants, with texts.
    private static func request(_ image: JSONValue, variants count: Int) -> String {
        let variants: [JSONValue] = (0..<count).map { number in
            [
                "name": .string("v\(number)"),
                "knockouts": [
                    [
                        "queries": number < 6 ? "text" : "all", "keys": number % 2 == 0 ? "eoi" : "image",
                        "layers": .integer(number % 6),
                    ]
                ],
            ]
        }
        let request: JSONValue = [
            "model": "gate", "images": [image], "variants": .array(variants), "measure": ["max_tokens": 60],
            "seed": 11,
        ]
        return request.text
    }

    private static func submit(_ request: String, _ server: RunningServer) async throws -> String {
        let answer = try await server.curl("/v1/knockouts", body: request)
        try #require(answer.status == 202, "\(answer.text)")
        return try #require(try JSONParser.parse(answer.text)["id"]?.stringValue)
    }

    /// Asks until the job is begun.
    private static func untilRunning(_ id: String, _ server: RunningServer) async throws {
        while true {
            let job = try JSONParser.parse(try await server.curl("/v1/jobs/\(id)").text)
            if try #require(job["status"]?.stringValue) != "queued" { return }
        }
    }

    /// A job's rows, once it has ended, without what differs between two runs of one request.
    private static func rows(of job: String, _ server: RunningServer) async throws -> [JSONValue] {
        let ended = try await server.ended(job)
        #expect(ended["status"] == "succeeded", "\(ended.text)")
        let results = try JSONParser.parse(try await server.curl("/v1/jobs/\(job)/results?limit=1000").text)
        return try #require(results["data"]?.arrayValue).map { row in
            guard var object = row.objectValue else { return row }
            for name in ["id", "job", "seconds"] { object[name] = nil }
            return .object(object)
        }
    }
}
