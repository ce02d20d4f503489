import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite("A server that is stopped in the middle of jobs") struct ResumptionTests {
    @Test("ends well, and the next one finishes the jobs with the rows of an undisturbed run")
    func stopped() async throws {
        let scratch = try ScratchFolder("resumption")
        let server = try await RunningServer.start(in: scratch)
        var images: [JSONValue] = []
        for name in ["white-cross.png", "pink-square.png", "white-triangle.png", "yellow-ring.png"] {
            let answer = try await server.curl("/v1/images", ["--data-binary", "@\(Narrowgate.picture(name))"])
            images.append(try #require(try JSONParser.parse(answer.text)["id"]))
        }
        let request: JSONValue = [
            "model": "gate", "images": .array(images), "variants": ["eoi", "image_to_text", "random_image", "bos"],
            "seed": 3,
        ]
        let long = Self.long(.array(images))
        let expected = try await Self.rows(of: try await Self.submit(request, server), server)
        #expect(expected.count == 20)
        let expectedOfLong = try await Self.rows(of: try await Self.submit(long, server), server)
        #expect(expectedOfLong.count == 100)

        // Jobs run while others are submitted: the last one is long, so that the stop finds work left however late it comes.
        var jobs: [(id: String, rows: [JSONValue])] = []
        for _ in 0..<4 { jobs.append((try await Self.submit(request, server), expected)) }
        jobs.append((try await Self.submit(long, server), expectedOfLong))
        var done = 0
        while done == 0 {
            let seen = try JSONParser.parse(try await server.curl("/v1/jobs/\(jobs[0].id)").text)
            done = try #require(seen["progress"]?["done"]?.integerValue)
        }
        #expect(await server.stop() == 0)
        let left = try await Command("/usr/bin/sqlite3").run(
            ["-readonly", scratch.path("jobs.sqlite"), "SELECT count(*) FROM jobs WHERE ended_at IS NULL"])
        #expect(left.lines != ["0"], "the stop came after all work was done")

        let second = try await RunningServer.start(in: scratch)
        for job in jobs {
            #expect(try await Self.rows(of: job.id, second) == job.rows)
            #expect(try await second.ended(job.id)["attempt"] == 1, "an orderly stop begins no new attempt")
        }
        #expect(await second.stop() == 0)
    }

    /// A job of 24 variants for each picture, with long texts.
    private static func long(_ images: JSONValue) -> JSONValue {
        let variants = (0..<24).map { number -> JSONValue in
            let queries: JSONValue = number < 12 ? "text" : "all"
            let keys: JSONValue = number % 12 < 6 ? "eoi" : "image"
            return [
                "name": .string("v\(number)"),
                "knockouts": [["queries": queries, "keys": keys, "layers": .integer(number % 6)]],
            ]
        }
        return [
            "model": "gate", "images": images, "variants": .array(variants), "measure": ["max_tokens": 60], "seed": 3,
        ]
    }

    private static func submit(_ request: JSONValue, _ server: RunningServer) async throws -> String {
        let answer = try await server.curl("/v1/knockouts", body: request.text)
        try #require(answer.status == 202, "\(answer.text)")
        return try #require(try JSONParser.parse(answer.text)["id"]?.stringValue)
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
