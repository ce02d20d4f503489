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
        let undisturbed = try await Self.submit(request, server)
        #expect(try await Self.end(of: undisturbed, server)["status"] == "succeeded")
        let expected = try await Self.rows(of: undisturbed, server)
        #expect(expected.count == 20)

        // Several, and after them one of many variants, so that the stop finds work left however fast the machine is.
        let variants: [JSONValue] = (0..<120).map { number in
            ["name": .string("v\(number)"), "knockouts": [["keys": "eoi", "layers": .integer(number % 6)]]]
        }
        let long: JSONValue = [
            "model": "gate", "images": .array(Array(images.prefix(1))), "variants": .array(variants),
            "measure": ["max_tokens": 60],
        ]
        var jobs: [String] = []
        for _ in 0..<3 { jobs.append(try await Self.submit(request, server)) }
        let last = try await Self.submit(long, server)
        var done = 0
        while done == 0 {
            let seen = try JSONParser.parse(try await server.curl("/v1/jobs/\(jobs[0])").text)
            done = try #require(seen["progress"]?["done"]?.integerValue)
        }
        #expect(await server.stop() == 0)
        let left = try await Command("/usr/bin/sqlite3").run(
            ["-readonly", scratch.path("jobs.sqlite"), "SELECT count(*) FROM jobs WHERE ended_at IS NULL"])
        #expect(left.lines != ["0"], "the stop came after all work was done")

        let second = try await RunningServer.start(in: scratch)
        for job in jobs {
            let ended = try await Self.end(of: job, second)
            #expect(ended["status"] == "succeeded", "\(ended.text)")
            #expect(ended["attempt"] == 1, "an orderly stop begins no new attempt")
            #expect(try await Self.rows(of: job, second) == expected)
        }
        #expect(try await Self.end(of: last, second)["status"] == "succeeded")
        #expect(await second.stop() == 0)
    }

    private static func submit(_ request: JSONValue, _ server: RunningServer) async throws -> String {
        let answer = try await server.curl("/v1/knockouts", body: request.text)
        try #require(answer.status == 202, "\(answer.text)")
        return try #require(try JSONParser.parse(answer.text)["id"]?.stringValue)
    }

    private static func end(of job: String, _ server: RunningServer) async throws -> JSONValue {
        try JSONParser.parse(try await server.curl("/v1/jobs/\(job)", ["-H", "Prefer: wait=300"]).text)
    }

    /// A job's rows without what differs between two runs of one request.
    private static func rows(of job: String, _ server: RunningServer) async throws -> [JSONValue] {
        let results = try JSONParser.parse(try await server.curl("/v1/jobs/\(job)/results?limit=1000").text)
        return try #require(results["data"]?.arrayValue).map { row in
            guard var object = row.objectValue else { return row }
            for name in ["id", "job", "seconds"] { object[name] = nil }
            return .object(object)
        }
    }
}
