import HTTPTypes
import StrictJSON
import Testing

@Suite("Captions over HTTP") struct CaptionRouteTests {
    @Test("JSON, a raw file and a form give the same caption, which is stored as a job of one cell")
    func forms() async throws {
        let laboratory = try await Laboratory()
        let file = try Laboratory.file("image_a.png")
        let first = try await laboratory.post(
            "/v1/captions", ["image": .string(dataURL(file)), "max_tokens": 4, "top_logprobs": 2])
        #expect(first.status == 200, "\(first.text)")
        #expect(
            first.json.objectValue?.names == [
                "id", "object", "model", "image", "prompt", "caption", "tokens", "near_tie", "finish_reason", "usage",
                "captures", "attention", "logit_lens", "receipt", "seconds", "provenance",
            ])
        #expect(first.json["object"] == "caption")
        #expect(first.json["model"] == "gate", "the default")
        #expect(first.json["tokens"]?[0]?["top"]?.arrayValue?.count == 2)
        #expect(first.json["receipt"] == .null)

        let raw = "/v1/captions?max_tokens=4&top_logprobs=2&preset=caption&temperature=0&seed=0"
        let form = ImageRouteTests.form(["image": file, "max_tokens": Array("4".utf8), "model": Array("gate".utf8)])
        let request = ImageRouteTests.form(["image": file, "request": Array(#"{"max_tokens": 4}"#.utf8)])
        for answer in [
            try await laboratory.post(raw, file, type: "image/png"),
            try await laboratory.post(raw, file, type: "application/x-www-form-urlencoded"),
            try await laboratory.post("/v1/captions", form.content, type: form.type),
            try await laboratory.post("/v1/captions", request.content, type: request.type),
            try await laboratory.post(
                "/v1/captions", Array(#"{"image": "\#(dataURL(file))", "max_tokens": 4}"#.utf8),
                type: "application/x-www-form-urlencoded"),
        ] {
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.json["caption"] == first.json["caption"])
            #expect(answer.json["image"] == first.json["image"])
        }

        let id = try #require(first.json["id"]?.stringValue)
        let job = try await laboratory.get("/v1/jobs/\(id)")
        #expect(job.json["status"] == "succeeded")
        #expect(job.json["kind"] == "caption")
        let rows = try await laboratory.get("/v1/jobs/\(id)/results")
        #expect(rows.json["data"]?[0]?["caption"] == first.json["caption"])
    }

    @Test("a caption under an intervention has a receipt")
    func interventions() async throws {
        let laboratory = try await Laboratory()
        let answer = try await laboratory.post(
            "/v1/captions",
            [
                "image": .string(try await laboratory.picture()), "max_tokens": 2, "receipt": "full",
                "interventions": ["knockouts": [["keys": "image"]]],
            ])
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.json["receipt"]?["knockouts"]?[0]?["mode"] == "zero")
        #expect(answer.json["receipt"]?["effect"]?.doubleValue != nil)
    }

    @Test("respond-async and several inputs make a job, which gives the same caption")
    func asynchronous() async throws {
        let laboratory = try await Laboratory()
        let image: JSONValue = .string(try await laboratory.picture())
        let now = try await laboratory.post("/v1/captions", ["image": image, "max_tokens": 3])
        let later = try await laboratory.post(
            "/v1/captions", ["image": image, "max_tokens": 3], [.prefer: "respond-async"])
        #expect(later.status == 202)
        #expect(later.fields[.preferenceApplied] == "respond-async")
        let many = try await laboratory.post("/v1/captions", ["images": [image, image], "max_tokens": 3])
        #expect(many.status == 202)
        #expect(many.json["progress"]?["total"] == 2)
        let id = try #require(later.json["id"]?.stringValue)
        try await laboratory.working {
            let ended = try await laboratory.ended(id)
            #expect(ended.json["status"] == "succeeded")
        }
        let rows = try await laboratory.get("/v1/jobs/\(id)/results")
        #expect(rows.json["data"]?[0]?["caption"] == now.json["caption"])
        let plan = try await laboratory.post("/v1/captions", ["images": [image], "dry_run": true])
        #expect(plan.status == 200)
        #expect(plan.json["object"] == "plan")
    }

    @Test("a chat message is spelt out in the model's chat form, in every request form")
    func chat() async throws {
        let laboratory = try await Laboratory()
        let file = try Laboratory.file("image_a.png")
        let form = ImageRouteTests.form(["image": file, "chat": Array("<image>Hi".utf8), "max_tokens": Array("2".utf8)])
        for answer in [
            try await laboratory.post(
                "/v1/captions",
                ["image": .string(dataURL(file)), "prompt": ["chat": "<image>Hi"], "max_tokens": 2]),
            try await laboratory.post(
                "/v1/captions?chat=%3Cimage%3EHi&max_tokens=2", file, type: "image/png"),
            try await laboratory.post("/v1/captions", form.content, type: form.type),
        ] {
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.json["prompt"]?["chat"] == "<image>Hi")
            #expect(answer.json["prompt"]?["text"] == "<image>Hi<reserved08706>")
            #expect(answer.json["prompt"]?["tokens"] == 22)
        }
        let both = try await laboratory.post(
            "/v1/captions?chat=%3Cimage%3EHi&preset=caption", file, type: "image/png")
        #expect(both.status == 422 && both.field == "prompt", "\(both.text)")
        let question = try await laboratory.post("/v1/captions?chat=%3Cimage%3EHi&question=x", file, type: "image/png")
        #expect(question.status == 422 && question.detail.contains("chat"), "\(question.text)")
        let blind = try await laboratory.post("/v1/captions?chat=Hi", file, type: "image/png")
        #expect(blind.code == "image_count_mismatch")
    }

    @Test("a caption job may have a prompt an input, each of its own kind")
    func prompts() async throws {
        let laboratory = try await Laboratory()
        let (a, b) = (try await laboratory.picture(), try await laboratory.picture("image_b.png"))
        let prompts: [JSONValue] = [
            ["preset": "vqa", "question": "what is it?"], ["text": "<image>One"], ["chat": "<image>Two"],
            ["preset": "caption"],
        ]
        let inputs = prompts.enumerated().map { index, prompt -> JSONValue in
            ["id": .string("input \(index)"), "image": .string(index % 2 == 0 ? a : b), "prompt": prompt]
        }
        let job = try await laboratory.post(
            "/v1/captions",
            [
                "inputs": .array(inputs + [["image": .string(a)]]), "prompt": ["text": "The rest: <image>"],
                "max_tokens": 3,
            ])
        #expect(job.status == 202, "\(job.text)")
        let id = try #require(job.json["id"]?.stringValue)
        try await laboratory.working {
            let ended = try await laboratory.ended(id)
            #expect(ended.json["status"] == "succeeded", "\(ended.text)")
        }
        let rows = try #require(try await laboratory.get("/v1/jobs/\(id)/results").json["data"]?.arrayValue)
        #expect(rows.map { $0["input"] } == ["input 0", "input 1", "input 2", "input 3", "4"])
        #expect(rows[0]["prompt"]?["text"]?.stringValue?.contains("what is it?") == true)
        #expect(rows[2]["prompt"]?["text"] == "<image>Two<reserved08706>")
        #expect(rows[4]["prompt"]?["text"] == "The rest: <image>")
        for (row, prompt) in zip(rows, prompts) {
            let alone = try await laboratory.post(
                "/v1/captions", ["image": row["image"] ?? .null, "prompt": prompt, "max_tokens": 3])
            #expect(alone.json["caption"] == row["caption"])
            #expect(alone.json["prompt"] == row["prompt"])
        }
        let wrong = try await laboratory.post(
            "/v1/captions", ["inputs": [["image": .string(a)], ["image": .string(b), "prompt": ["preset": "x"]]]])
        #expect(wrong.field == "inputs[1].prompt.preset", "\(wrong.text)")
    }

    @Test("what is wrong with a query is said in the query's own words")
    func query() async throws {
        let laboratory = try await Laboratory()
        let file = try Laboratory.file("image_a.png")
        func ask(_ query: String) async throws -> (Int, String?, String?) {
            let answer = try await laboratory.post("/v1/captions?\(query)", file, type: "image/png")
            return (answer.status, answer.code, answer.field)
        }
        #expect(try await ask("preset=captoin") == (422, "unknown_preset", "preset"))
        #expect(try await ask("modle=gate") == (400, "unknown_field", "modle"))
        #expect(try await ask("model=gat") == (404, "unknown_model", "model"))
        #expect(try await ask("max_tokens=many") == (400, "wrong_type", "max_tokens"))
        #expect(try await ask("max_tokens=0") == (422, "invalid_value", "max_tokens"))
        #expect(try await ask("seed=1&seed=2") == (400, "wrong_type", "seed"))
        let listed = try await laboratory.post("/v1/captions?model=broken", file, type: "image/png")
        #expect(listed.status == 500)
        #expect(listed.code == "model_unavailable")
    }

    @Test("a picture is kept only with a request that is right, and never by a dry run")
    func keeping() async throws {
        let laboratory = try await Laboratory()
        let picture = try Laboratory.file("image_a.png")
        let refused = try await laboratory.post("/v1/captions?model=nope", picture, type: "image/png")
        #expect(refused.status == 404)
        let dry = try await laboratory.post("/v1/captions?dry_run=true", picture, type: "image/png")
        #expect(dry.status == 200)
        #expect(try await laboratory.get("/v1/images").json["data"] == [])
        let kept = try await laboratory.post("/v1/captions?max_tokens=1", picture, type: "image/png")
        #expect(kept.status == 200)
        #expect(kept.json["prompt"]?.objectValue?.names.first == "preset")
        #expect(try await laboratory.get("/v1/images").json["data"]?.arrayValue?.count == 1)
    }
}
