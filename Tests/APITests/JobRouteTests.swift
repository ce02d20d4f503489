import API
import HTTPTypes
import StrictJSON
import Testing

@Suite("Jobs over HTTP") struct JobRouteTests {
    @Test("a knockout job is accepted, runs, and its rows are listed in pages and across jobs")
    func knockouts() async throws {
        let laboratory = try await Laboratory()
        let (a, b) = (try await laboratory.picture(), try await laboratory.picture("image_b.png"))
        let request: JSONValue = [
            "images": [.string(a), .string(b)], "variants": ["eoi", "image_to_text"],
            "measure": ["max_tokens": 3], "seed": 7,
        ]
        let accepted = try await laboratory.post("/v1/knockouts", request)
        #expect(accepted.status == 202)
        let id = try #require(accepted.json["id"]?.stringValue)
        #expect(accepted.fields[.location] == "/v1/jobs/\(id)")
        #expect(
            accepted.json.objectValue?.names == [
                "id", "object", "kind", "model", "status", "attempt", "created_at", "started_at", "ended_at",
                "progress", "request", "summary", "error", "links",
            ])
        #expect(accepted.json["status"] == "queued")
        #expect(accepted.json["progress"] == ["done": 0, "failed": 0, "total": 6, "eta_seconds": nil])
        #expect(accepted.json["request"]?["measure"]?["max_tokens"] == 3)
        #expect(accepted.json["request"]?["measure"]?["top"] == 5)
        #expect(accepted.json["links"]?["events"] == .string("/v1/jobs/\(id)/events"))

        try await laboratory.working {
            let ended = try await laboratory.ended(id)
            #expect(ended.status == 200)
            #expect(ended.fields[.preferenceApplied] == "wait=60")
            #expect(ended.json["status"] == "succeeded")
            #expect(ended.json["progress"]?["done"] == 6)
            #expect(ended.json["summary"]?["by"] == "variant")
        }

        let first = try await laboratory.get("/v1/jobs/\(id)/results?limit=4")
        #expect(first.status == 200)
        #expect(first.json["object"] == "list")
        #expect(first.json["data"]?.arrayValue?.count == 4)
        #expect(first.json["has_more"] == true)
        let last = try #require(first.json["last_id"]?.stringValue)
        #expect(last == "\(id)/3")
        let second = try await laboratory.get("/v1/jobs/\(id)/results?limit=4&after=\(last)")
        #expect(second.json["data"]?.arrayValue?.count == 2)
        #expect(second.json["has_more"] == false)
        #expect(second.json["data"]?[0]?["id"] == .string("\(id)/4"))

        let found = try await laboratory.get("/v1/results?kind=knockout&variant=eoi&image=\(a)&job=\(id)&model=gate")
        #expect(found.json["data"]?.arrayValue?.count == 1)
        #expect(found.json["data"]?[0]?["variant"] == "eoi")
        #expect(found.json["data"]?[0]?["image"] == .string(a))
        let nothing = try await laboratory.get("/v1/results?until=2020-01-01T00:00:00Z")
        #expect(nothing.json == ["object": "list", "data": [], "has_more": false, "last_id": nil])
        #expect(try await laboratory.get("/v1/results?since=2020-01-01T00:00:00+01:00").json["data"]?[5] != nil)
        #expect(try await laboratory.get("/v1/results?layer=3").json["data"] == [])
    }

    @Test("a patch job has a row for each pair and layer, and events that can be replayed")
    func patches() async throws {
        let laboratory = try await Laboratory()
        let (a, b) = (try await laboratory.picture(), try await laboratory.picture("image_b.png"))
        let accepted = try await laboratory.post(
            "/v1/patches", ["pairs": [["base": .string(a), "source": .string(b)]], "positions": "eoi"])
        #expect(accepted.status == 202, "\(accepted.text)")
        let id = try #require(accepted.json["id"]?.stringValue)
        let total = try #require(accepted.json["progress"]?["total"]?.integerValue)
        #expect(total > 1)

        var events = ""
        try await laboratory.working {
            events = try await laboratory.get("/v1/jobs/\(id)/events").text
        }
        let lines = events.split(separator: "\n")
        #expect(lines.filter { $0 == "event: cell" }.count == total)
        #expect(lines.contains("event: progress"))
        let identifiers = lines.filter { $0.hasPrefix("id: ") }.compactMap { Int($0.dropFirst(4)) }
        #expect(identifiers == Array(1...identifiers.count))
        #expect(lines.last?.contains("\"succeeded\"") == true)

        let beforeLast = try #require(identifiers.last) - 1
        let replayed = try await laboratory.get("/v1/jobs/\(id)/events", [.lastEventID: "\(beforeLast)"]).text
        #expect(replayed.hasPrefix("id: \(beforeLast + 1)\nevent: state\n"))
        let cells = try await laboratory.get("/v1/jobs/\(id)/events", [.lastEventID: "2"]).text
        #expect(cells.split(separator: "\n").filter { $0 == "event: cell" }.count == total)
        #expect(try await laboratory.get("/v1/jobs/\(id)/events", [.lastEventID: "\(beforeLast + 1)"]).text == "")

        let rows = try await laboratory.get("/v1/results?site=resid_in&layer=0&job=\(id)")
        #expect(rows.json["data"]?.arrayValue?.count == 1)
        #expect(rows.json["data"]?[0]?["receipt"]?["effect"]?.doubleValue == 0, "[EOI] enters layer 0 as a constant")
    }

    @Test("a dry run says what a job would cost and leaves nothing behind")
    func dryRun() async throws {
        let laboratory = try await Laboratory()
        let picture = try Laboratory.file("image_a.png")
        let request: JSONValue = [
            "inputs": [["id": "x", "image": .string(dataURL(picture))]], "variants": ["eoi"], "dry_run": true,
        ]
        let plan = try await laboratory.post("/v1/knockouts", request)
        #expect(plan.status == 200, "\(plan.text)")
        #expect(
            plan.json.objectValue?.names == [
                "object", "cells", "clean_runs", "encodings", "token_layers", "estimated_seconds", "peak_bytes",
                "resident_bytes", "result_bytes", "inputs",
            ])
        #expect(plan.json["cells"] == 2)
        #expect(plan.json["inputs"]?[0]?["id"] == "x")
        #expect(try await laboratory.get("/v1/jobs").json["data"] == [])
        #expect(try await laboratory.get("/v1/images").json["data"] == [])
    }

    @Test("a queued job is cancelled at once, and only once")
    func cancel() async throws {
        let laboratory = try await Laboratory()
        let request: JSONValue = ["images": [.string(try await laboratory.picture())], "variants": ["bos"]]
        let id = try #require(try await laboratory.post("/v1/knockouts", request).json["id"]?.stringValue)
        let cancelled = try await laboratory.answer(.post, "/v1/jobs/\(id.lowercased())/cancel")
        #expect(cancelled.status == 202)
        #expect(cancelled.json["status"] == "cancelled")
        let again = try await laboratory.answer(.post, "/v1/jobs/\(id)/cancel")
        #expect(again.status == 409)
        #expect(again.code == "job_ended")
        #expect(again.fields[.shouldRetry] == "false")
        #expect(try await laboratory.get("/v1/jobs/\(id)/events").text.contains("\"cancelled\""))
    }

    @Test("jobs are listed newest first, filtered and in pages")
    func list() async throws {
        let laboratory = try await Laboratory()
        let request: JSONValue = ["images": [.string(try await laboratory.picture())], "variants": ["bos"]]
        var ids: [String] = []
        for _ in 0..<12 {
            ids.append(try #require(try await laboratory.post("/v1/knockouts", request).json["id"]?.stringValue))
        }
        ids.reverse()
        let first = try await laboratory.get("/v1/jobs?limit=11&status=queued&kind=knockout&model=gate")
        #expect(first.json["data"]?.arrayValue?.compactMap { $0["id"]?.stringValue } == Array(ids.prefix(11)))
        #expect(first.json["has_more"] == true)
        #expect(first.json["last_id"] == .string(ids[10]))
        let rest = try await laboratory.get("/v1/jobs?after=\(ids[10])")
        #expect(rest.json["data"]?.arrayValue?.count == 1)
        #expect(rest.json["has_more"] == false)
        #expect(try await laboratory.get("/v1/jobs?status=failed").json["last_id"] == .null)
    }

    @Test("a full queue answers 429 and says when to come back")
    func fullQueue() async throws {
        let laboratory = try await Laboratory(queueLimit: 1)
        let request: JSONValue = ["images": [.string(try await laboratory.picture())], "variants": ["bos"]]
        #expect(try await laboratory.post("/v1/knockouts", request).status == 202)
        let refused = try await laboratory.post("/v1/knockouts", request)
        #expect(refused.status == 429)
        #expect(refused.code == "queue_full")
        #expect(refused.fields[.retryAfter] == "5")
        #expect(refused.json["error"]?["type"] == "rate_limit_error")
    }

    @Test("a job that was waited for in vain is answered as it stands")
    func waitInVain() async throws {
        let laboratory = try await Laboratory()
        let request: JSONValue = ["images": [.string(try await laboratory.picture())], "variants": ["bos"]]
        let accepted = try await laboratory.post("/v1/knockouts", request, [.prefer: "wait=0"])
        #expect(accepted.status == 202)
        #expect(accepted.fields[.preferenceApplied] == "wait=0")
        let id = try #require(accepted.json["id"]?.stringValue)
        laboratory.closing.close()
        let waited = try await laboratory.get("/v1/jobs/\(id)", [.prefer: "wait=300"])
        #expect(waited.json["status"] == "queued", "a server that is being stopped does not wait")
    }
}
