import API
import HTTPTypes
import StrictJSON
import Testing

@Suite("Self-description and metrics") struct WatchingTests {
    @Test("capabilities name models, sites, roles, modes, limits and the versions of what computes")
    func capabilities() async throws {
        let laboratory = try await Laboratory()
        let answer = try await laboratory.get("/v1/capabilities")
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.json["models"]?.arrayValue?.contains { $0["id"] == "gate" } == true)
        #expect(answer.json["default_model"] == "gate")
        #expect(answer.json["sites"]?.arrayValue?.contains("resid_in") == true)
        #expect(answer.json["roles"]?.arrayValue?.contains("eoi") == true)
        #expect(answer.json["modes"] == ["zero", "mask", "value"])
        #expect(answer.json["limits"]?["unfinished_jobs"] == 100)
        for library in ["narrowgate", "sqlite", "nghttp2", "openblas", "onednn", "own_kernels"] {
            let version = answer.json["versions"]?[library]?.stringValue ?? ""
            #expect(!version.isEmpty && version != "unknown", "\(library)")
        }
        #expect(answer.json["versions"]?["sqlite"]?.stringValue?.hasPrefix("3.") == true)
        #expect(try await laboratory.get("/v1/capabilities?x=1").code == "unknown_field")
    }

    @Test("the page of metrics is well-formed and counts what was done")
    func metrics() async throws {
        let laboratory = try await Laboratory()
        let image = try await laboratory.picture()
        #expect(try await laboratory.get("/v1/images/\(image)").status == 200)
        #expect(try await laboratory.get("/v1/images/sha256:none").status == 404)
        #expect(try await laboratory.get("/v1/nothing").status == 404)
        #expect(try await laboratory.answer(HTTPRequest.Method("BREW")!, "/v1/models").status == 405)
        try await laboratory.working {
            let job = try await laboratory.post(
                "/v1/knockouts", ["images": [.string(image)], "variants": ["eoi", "bos"]],
                [.prefer: "wait=60"])
            let ended = try await laboratory.ended(try #require(job.json["id"]?.stringValue, "\(job.text)"))
            #expect(ended.json["status"] == "succeeded", "\(ended.text)")
        }
        #expect(try await laboratory.get("/v1/results?format=csv").status == 200)

        let answer = try await laboratory.get("/metrics")
        #expect(answer.status == 200)
        #expect(answer.fields[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
        let page = try MetricsPage(answer.text)
        let requests = "narrowgate_http_requests_total"
        #expect(page.value(requests, ["route": "/v1/images/{id}", "status": "200", "method": "GET"]) == 1)
        #expect(page.value(requests, ["route": "/v1/images/{id}", "status": "404"]) == 1)
        #expect(page.value(requests, ["route": "none", "status": "404"]) == 1)
        #expect(page.value(requests, ["route": "none", "status": "405", "method": "other"]) == 1)
        let durations = "narrowgate_http_request_duration_seconds_count"
        #expect(page.value(durations, ["route": "/v1/images/{id}"]) == 2)
        // A stream is timed to its end.
        #expect(page.value(durations, ["route": "/v1/results"]) == 1)
        #expect(page.value("narrowgate_jobs", ["status": "queued"]) == 0)
        #expect(page.value("narrowgate_cells_total", ["kind": "knockout", "status": "ok"]) == 3)
        #expect(page.value("narrowgate_tokens_total", ["kind": "knockout", "part": "prompt"]) ?? 0 > 3)
        #expect(page.value("narrowgate_tokens_total", ["kind": "knockout", "part": "generated"]) ?? 0 > 0)
        #expect(page.value("narrowgate_prefix_tokens_reused_total") ?? 0 > 0)
        #expect(page.value("narrowgate_cache_requests_total", ["cache": "clean_runs", "outcome": "miss"]) == 1)
        #expect(page.value("narrowgate_cache_requests_total", ["cache": "images", "outcome": "miss"]) == 1)
        #expect(page.value("narrowgate_sqlite_transaction_duration_seconds_count", ["access": "write"]) ?? 0 > 0)
        #expect(page.value("process_resident_memory_bytes") ?? 0 > 1_000_000)
        #expect(page.value("process_open_fds") ?? 0 > 0)
        #expect(try MetricsPage(try await laboratory.get("/metrics").text).value(requests, ["route": "/metrics"]) == 1)
    }

    @Test("captions that are decoded beside others are counted, too, and a plan is no use of a cache")
    func captions() async throws {
        let laboratory = try await Laboratory()
        var request = JSONObject([("image", .string(try await laboratory.picture())), ("max_tokens", 3)])
        request["dry_run"] = true
        #expect(try await laboratory.post("/v1/captions", .object(request)).status == 200)
        request["dry_run"] = nil
        let answer = try await laboratory.post("/v1/captions", .object(request))
        let generated = try #require(answer.json["usage"]?["completion_tokens"]?.doubleValue, "\(answer.text)")
        #expect(try await laboratory.post("/v1/captions", .object(request)).status == 200)
        let page = try MetricsPage(try await laboratory.get("/metrics").text)
        #expect(page.value("narrowgate_cells_total", ["kind": "caption", "status": "ok"]) == 2)
        #expect(page.value("narrowgate_tokens_total", ["kind": "caption", "part": "generated"]) == 2 * generated)
        #expect(page.value("narrowgate_cache_requests_total", ["cache": "images", "outcome": "miss"]) == 1)
        #expect(page.value("narrowgate_cache_requests_total", ["cache": "images", "outcome": "hit"]) == 1)
    }

    @Test("a queued job is counted, with its age")
    func queue() async throws {
        let laboratory = try await Laboratory()
        let image = try await laboratory.picture()
        let job = try await laboratory.post("/v1/knockouts", ["images": [.string(image)], "variants": ["eoi"]])
        #expect(job.status == 202)
        let page = try MetricsPage(try await laboratory.get("/metrics").text)
        #expect(page.value("narrowgate_jobs", ["status": "queued"]) == 1)
        #expect(page.value("narrowgate_queue_oldest_seconds") ?? -1 >= 0)
        #expect(page.value("narrowgate_jobs_limit") == 100)
    }
}
