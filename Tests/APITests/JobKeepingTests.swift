import API
import Foundation
import HTTPServer
import HTTPTypes
import Jobs
import Logging
import Store
import StrictJSON
import Synchronization
import Testing

@Suite("Jobs sent again, followed and deleted") struct JobKeepingTests {
    private func knockouts(_ laboratory: Laboratory) async throws -> JSONValue {
        let image: JSONValue = .string(try await laboratory.picture())
        return [
            "images": [image, image], "variants": ["eoi"], "measure": ["caption": false],
        ]
    }

    @Test("the same key and request is the same job, and with another request a 422")
    func keys() async throws {
        let laboratory = try await Laboratory()
        let body = try await knockouts(laboratory)
        let key: HTTPFields = [.idempotencyKey: "a1"]
        let first = try await laboratory.post("/v1/knockouts", body, key)
        #expect(first.status == 202, "\(first.text)")
        let again = try await laboratory.post("/v1/knockouts", body, key)
        #expect(again.status == 202 && again.json["id"] == first.json["id"])
        #expect(again.fields[.location] == first.fields[.location])
        let other = try await laboratory.post("/v1/knockouts", body, [.idempotencyKey: "a2"])
        #expect(other.json["id"] != first.json["id"])

        var changed = body.objectValue ?? JSONObject()
        changed["seed"] = 9
        let reused = try await laboratory.post("/v1/knockouts", .object(changed), key)
        #expect(reused.status == 422 && reused.code == "idempotency_key_reused" && reused.field == "Idempotency-Key")
        let images = body["images"] ?? []
        let captions = try await laboratory.post("/v1/captions", ["images": images], key)
        #expect(captions.status == 422 && captions.code == "idempotency_key_reused", "\(captions.text)")
        let long = try await laboratory.post(
            "/v1/knockouts", body, [.idempotencyKey: String(repeating: "x", count: 256)])
        #expect(long.status == 422 && long.field == "Idempotency-Key")
        #expect(try await laboratory.get("/v1/jobs").json["data"]?.arrayValue?.count == 2)

        try await laboratory.working {
            var waiting = key
            waiting[.prefer] = "wait=60"
            let again = try await laboratory.post("/v1/knockouts", body, waiting)
            #expect(again.json["id"] == first.json["id"])
            let ended = try await laboratory.ended(try #require(again.json["id"]?.stringValue, "\(again.text)"))
            #expect(ended.json["status"] == "succeeded", "\(ended.text)")
        }
    }

    @Test("a request that made no job may be mended under its key")
    func mended() async throws {
        let laboratory = try await Laboratory()
        let body = try await knockouts(laboratory)
        var broken = body.objectValue ?? JSONObject()
        broken["variants"] = ["none"]
        let key: HTTPFields = [.idempotencyKey: "a1"]
        #expect(try await laboratory.post("/v1/knockouts", .object(broken), key).status == 422)
        #expect(try await laboratory.post("/v1/knockouts", body, key).status == 202)
    }

    @Test("rows are followed as lines while the job runs, until it has ended")
    func follow() async throws {
        let laboratory = try await Laboratory()
        let job = try #require(
            try await laboratory.post("/v1/knockouts", try await knockouts(laboratory)).json["id"]?.stringValue)
        let path = "/v1/jobs/\(job)/results?format=ndjson&follow=true"
        // Before anybody works on it: what comes was recorded while it was followed.
        let followed = Task { try await laboratory.get(path) }
        try await laboratory.working {
            let lines = try await followed.value.text.split(separator: "\n").map { try JSONParser.parse(String($0)) }
            #expect(lines.map { $0["id"] } == (0..<4).map { .string("\(job)/\($0)") })
        }
        let plain = try await laboratory.get("/v1/jobs/\(job)/results?format=ndjson")
        #expect(try await laboratory.get(path).text == plain.text)
        let rest = try await laboratory.get(path + "&after=\(job)/1&limit=1")
        #expect(rest.text.split(separator: "\n").count == 1 && rest.text.contains("\"\(job)/2\""))
        let json = try await laboratory.get("/v1/jobs/\(job)/results?follow=true")
        #expect(json.status == 422 && json.field == "follow")
        #expect(try await laboratory.get(path.replacing("true", with: "yes")).field == "follow")
    }

    @Test("a follower is let go when the server is stopped")
    func stopped() async throws {
        let laboratory = try await Laboratory()
        let job = try #require(
            try await laboratory.post("/v1/knockouts", try await knockouts(laboratory)).json["id"]?.stringValue)
        async let followed = laboratory.get("/v1/jobs/\(job)/results?format=ndjson&follow=true")
        laboratory.closing.close()
        #expect(try await followed.text == "")
    }

    @Test("jobs and pictures are deleted when nothing refers to them, and are a 409 until then")
    func deletion() async throws {
        let laboratory = try await Laboratory()
        let image = try await laboratory.picture()
        let queued = try #require(
            try await laboratory.post("/v1/knockouts", try await knockouts(laboratory)).json["id"]?.stringValue)
        let unfinished = try await laboratory.answer(.delete, "/v1/jobs/\(queued)")
        #expect(unfinished.status == 409 && unfinished.code == "job_unfinished")
        #expect(unfinished.fields[.shouldRetry] == "false")
        let used = try await laboratory.answer(.delete, "/v1/images/\(image)")
        #expect(used.status == 409 && used.code == "image_in_use" && used.detail.contains(queued))
        _ = try await laboratory.answer(.post, "/v1/jobs/\(queued)/cancel")
        #expect(try await laboratory.answer(.delete, "/v1/jobs/\(queued)").status == 204)
        #expect(try await laboratory.get("/v1/jobs/\(queued)").code == "unknown_job")
        #expect(try await laboratory.answer(.delete, "/v1/jobs/\(queued)").status == 404)
        #expect(try await laboratory.answer(.delete, "/v1/jobs/x").status == 404)
        #expect(try await laboratory.answer(.delete, "/v1/images/\(image)").status == 204)
        #expect(try await laboratory.get("/v1/images/\(image)").code == "unknown_image")
    }

    @Test("a job from which a state was captured stays until the state goes")
    func captured() async throws {
        let laboratory = try await Laboratory()
        let caption = try await laboratory.post(
            "/v1/captions",
            [
                "image": .string(try await laboratory.picture()), "max_tokens": 1,
                "measure": ["captures": [["site": "resid_out", "positions": "last"]]],
            ])
        let job = try #require(caption.json["id"]?.stringValue, "\(caption.text)")
        let refused = try await laboratory.answer(.delete, "/v1/jobs/\(job)")
        #expect(refused.status == 409 && refused.code == "job_in_use", "\(refused.text)")
        let state = try #require(caption.json["captures"]?[0]?["state"]?.stringValue)
        #expect(try await laboratory.answer(.delete, "/v1/states/\(state)").status == 204)
        #expect(try await laboratory.answer(.delete, "/v1/jobs/\(job)").status == 204)
    }

    @Test("what ended longer ago than is kept goes, and nothing else")
    func retention() async throws {
        let laboratory = try await Laboratory()
        let caption = try await laboratory.post(
            "/v1/captions", ["image": .string(try await laboratory.picture()), "max_tokens": 1])
        let job = try #require(caption.json["id"]?.stringValue)
        func removed(after seconds: Int) async throws -> Int {
            try await Retention(
                store: laboratory.jobs.store, age: .seconds(86_400), logger: Logger(label: "test"),
                clock: { Timestamp.now() + .seconds(seconds) }
            ).removeOld()
        }
        #expect(try await removed(after: 0) == 0)
        #expect(try await laboratory.get("/v1/jobs/\(job)").status == 200)
        #expect(try await removed(after: 90_000) == 1)
        #expect(try await laboratory.get("/v1/jobs/\(job)").status == 404)
    }
}
