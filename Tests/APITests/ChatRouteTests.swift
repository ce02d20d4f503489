import API
import Foundation
import HTTPServer
import HTTPTypes
import Jobs
import StrictJSON
import Testing

@Suite("Chat completions") struct ChatRouteTests {
    /// A request for the golden picture and a question, with more members.
    private func request(_ members: [(String, JSONValue)] = [], text: String = "Hi") throws -> JSONValue {
        let url = dataURL(try Laboratory.file("image_a.png"))
        let messages: JSONValue = [
            [
                "role": "user",
                "content": [
                    ["type": "image_url", "image_url": ["url": .string(url), "detail": "low"]],
                    ["type": "text", "text": .string(text)],
                ],
            ]
        ]
        return .object(JSONObject([("model", "gate"), ("messages", messages), ("max_tokens", 4)] + members))
    }

    private func complete(_ laboratory: Laboratory, _ members: [(String, JSONValue)] = []) async throws -> Answer {
        try await laboratory.post("/v1/chat/completions", try request(members))
    }

    /// The documents of a stream; the last line must be `[DONE]`.
    private func chunks(_ answer: Answer) throws -> [JSONValue] {
        let events = answer.text.components(separatedBy: "\n\n").filter { !$0.isEmpty && !$0.hasPrefix(":") }
        try #require(events.last == "data: [DONE]", "\(answer.text)")
        return try events.dropLast().map { try JSONParser.parse(String($0.dropFirst("data: ".count))) }
    }

    private func texts(_ chunks: [JSONValue], choice: Int = 0) -> String {
        chunks.compactMap { $0["choices"]?[0] }.filter { $0["index"] == .integer(choice) }
            .compactMap { $0["delta"]?["content"]?.stringValue }.joined()
    }

    @Test("are captions in OpenAI's shape, recorded as such")
    func plain() async throws {
        let laboratory = try await Laboratory()
        let answer = try await complete(laboratory, [("logprobs", true), ("top_logprobs", 2)])
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.json["object"] == "chat.completion" && answer.json["model"] == "gate")
        #expect(answer.json["id"]?.stringValue?.hasPrefix("chatcmpl-") == true)
        let choice = try #require(answer.json["choices"]?[0])
        #expect(choice["index"] == 0 && choice["finish_reason"] == "length" && choice["receipt"] == .null)

        let caption = try await laboratory.post(
            "/v1/captions",
            [
                "image": .string(try await laboratory.picture()), "prompt": ["chat": "<image>Hi"], "max_tokens": 4,
                "top_logprobs": 2,
            ])
        #expect(choice["message"] == ["role": "assistant", "content": caption.json["caption"] ?? "", "refusal": .null])
        #expect(answer.json["usage"] == caption.json["usage"])
        let tokens = try #require(caption.json["tokens"]?.arrayValue)
        let logprobs = try #require(choice["logprobs"]?["content"]?.arrayValue)
        #expect(logprobs.map { $0["logprob"] } == tokens.map { $0["logprob"] })
        #expect(logprobs.map { $0["token"] } == tokens.map { $0["text"] })
        #expect(logprobs.allSatisfy { $0["top_logprobs"]?.arrayValue?.count == 2 })

        let job = try #require(choice["job"]?.stringValue)
        let stored = try await laboratory.get("/v1/jobs/\(job)")
        #expect(stored.json["kind"] == "caption" && stored.json["status"] == "succeeded")
        #expect(stored.json["request"]?["prompt"] == ["chat": "<image>Hi"])
    }

    @Test("stream the text that a plain answer has, for every choice, and count tokens where asked")
    func stream() async throws {
        let laboratory = try await Laboratory()
        let sampling: [(String, JSONValue)] = [("temperature", 1.5), ("seed", 5), ("n", 2), ("logprobs", true)]
        let plain = try await complete(laboratory, sampling)
        #expect(plain.status == 200, "\(plain.text)")
        let stream = try await complete(
            laboratory, sampling + [("stream", true), ("stream_options", ["include_usage": true])])
        #expect(stream.fields[.contentType] == "text/event-stream")
        let chunks = try chunks(stream)
        #expect(Set(chunks.map { $0["id"]?.stringValue }).count == 1)
        for choice in 0..<2 {
            let expected = plain.json["choices"]?[choice]
            #expect(texts(chunks, choice: choice) == expected?["message"]?["content"]?.stringValue)
            let own = chunks.compactMap { $0["choices"]?[0] }.filter { $0["index"] == .integer(choice) }
            #expect(own.first?["delta"]?["role"] == "assistant")
            #expect(own.last?["finish_reason"] == expected?["finish_reason"])
            let logprobs = own.flatMap { $0["logprobs"]?["content"]?.arrayValue ?? [] }
            #expect(JSONValue.array(logprobs) == expected?["logprobs"]?["content"])
        }
        #expect(chunks.last?["choices"] == [] && chunks.last?["usage"] == plain.json["usage"])
        #expect(chunks.dropLast().allSatisfy { $0["usage"] == .null })
        let uncounted = try self.chunks(try await complete(laboratory, [("stream", true)]))
        #expect(uncounted.allSatisfy { $0["usage"] == nil })
    }

    @Test("the same seed gives the same choices, each of its own seed; greedy choices are one computation")
    func seeds() async throws {
        let laboratory = try await Laboratory()
        let first = try await complete(laboratory, [("temperature", 2), ("seed", 3), ("n", 2)])
        let second = try await complete(laboratory, [("temperature", 2), ("seed", 4)])
        #expect(first.json["choices"]?[1]?["message"] == second.json["choices"]?[0]?["message"])
        #expect(first.json["choices"]?[0]?["job"] != first.json["choices"]?[1]?["job"])
        let greedy = try await complete(laboratory, [("n", 3)])
        let choices = try #require(greedy.json["choices"]?.arrayValue)
        #expect(choices.count == 3 && Set(choices.map { $0["job"]?.stringValue }).count == 1)
        #expect(greedy.json["usage"]?["completion_tokens"] == 12)
    }

    @Test("a stop ends the text before it, whole and in chunks")
    func stops() async throws {
        let laboratory = try await Laboratory()
        let whole = try #require(
            try await complete(laboratory).json["choices"]?[0]?["message"]?["content"]?.stringValue)
        let middle = whole.index(whole.startIndex, offsetBy: whole.count / 2)
        let stop = String(whole[middle...].prefix(2))
        let before = whole[..<(whole.firstRange(of: stop)?.lowerBound ?? whole.endIndex)]
            .trimmingCharacters(in: .whitespaces)
        let stopped = try await complete(laboratory, [("stop", [.string(stop), "never there"])])
        #expect(stopped.json["choices"]?[0]?["message"]?["content"] == .string(before), "\(whole) \(stop)")
        #expect(stopped.json["choices"]?[0]?["finish_reason"] == "stop")
        let stream = try await complete(laboratory, [("stop", .string(stop)), ("stream", true)])
        #expect(texts(try chunks(stream)) == before)
    }

    @Test("interventions act, and their receipt is in the choice")
    func interventions() async throws {
        let laboratory = try await Laboratory()
        let cut: JSONValue = ["knockouts": [["queries": "text", "keys": "image"]]]
        let answer = try await complete(laboratory, [("interventions", cut), ("receipt", "full")])
        let receipt = try #require(answer.json["choices"]?[0]?["receipt"], "\(answer.text)")
        #expect(receipt["knockouts"]?[0]?["mode"] == "zero" && receipt["effect"]?.doubleValue ?? 0 > 0)
        let stream = try await complete(laboratory, [("interventions", cut), ("receipt", "full"), ("stream", true)])
        #expect(try chunks(stream).last?["choices"]?[0]?["receipt"] == receipt)
        let wrong = try await complete(laboratory, [("interventions", ["knockouts": [["keys": "eio"]]])])
        #expect(wrong.status == 422 && wrong.code == "unknown_role")
        #expect(wrong.json["error"]?["param"] == "interventions.knockouts[0].keys")
    }

    @Test("what asks for nothing is accepted")
    func neutral() async throws {
        let laboratory = try await Laboratory()
        let members: [(String, JSONValue)] = [
            ("tools", []), ("tool_choice", "none"), ("presence_penalty", 0), ("frequency_penalty", 0.0),
            ("logit_bias", [:]), ("response_format", ["type": "text"]), ("user", "me"), ("metadata", ["a": 1]),
            ("store", true), ("parallel_tool_calls", true), ("modalities", ["text"]), ("stream_options", .null),
            ("logprobs", false), ("stop", .null), ("seed", .null), ("service_tier", "auto"),
        ]
        let answer = try await complete(laboratory, members)
        #expect(answer.status == 200, "\(answer.text)")
    }

    @Test(
        "what is wrong is a 400 in OpenAI's envelope that names the member",
        arguments: [
            ("tools", [["type": "function"]], "unsupported_parameter"),
            ("presence_penalty", 0.5, "unsupported_parameter"), ("logit_bias", ["5": 1], "unsupported_parameter"),
            ("response_format", ["type": "json_object"], "unsupported_parameter"),
            ("n", 0, "invalid_value"), ("n", "two", "wrong_type"), ("temperature", -1, "invalid_value"),
            ("top_p", 0, "invalid_value"), ("top_logprobs", 2, "invalid_value"), ("colour", 1, "unknown_field"),
            ("stream_options", ["include_usage": true], "invalid_value"), ("max_completion_tokens", 5, "invalid_value"),
            ("stop", ["a", "b", "c", "d", "e"], "invalid_value"), ("seed", 1.5, "wrong_type"),
        ] as [(String, JSONValue, String)])
    func refused(name: String, value: JSONValue, code: String) async throws {
        let answer = try await complete(try await Laboratory(), [(name, value)])
        #expect(answer.status == 400, "\(answer.text)")
        #expect(answer.code == code, "\(answer.text)")
        let field = name == "max_completion_tokens" ? "max_tokens" : name
        #expect(answer.json["error"]?["param"] == .string(field))
        #expect(answer.json["error"]?["type"] == "invalid_request_error")
        #expect(answer.json.objectValue?.names == ["error"])
        #expect(answer.fields[.contentType] == "application/json")
    }

    @Test("messages that no model here can take are refused by their part")
    func messages() async throws {
        let laboratory = try await Laboratory()
        let url = dataURL(try Laboratory.file("image_a.png"))
        func ask(_ messages: JSONValue) async throws -> Answer {
            try await laboratory.post("/v1/chat/completions", ["model": "gate", "messages": messages, "max_tokens": 1])
        }
        func user(_ url: String) -> JSONValue {
            ["role": "user", "content": [["type": "image_url", "image_url": ["url": .string(url)]]]]
        }
        let picture = "messages[0].content[0].image_url.url"
        for (messages, field, code) in [
            ([], "messages", "invalid_value"),
            ([["role": "user", "content": "Hi"]], "messages", "image_count_mismatch"),
            ([["role": "user"]], "messages[0].content", "missing_field"),
            ([["role": "tool", "content": "x"]], "messages[0].role", "unsupported_parameter"),
            ([user("https://example.org/a.png")], picture, "invalid_image_reference"),
            ([user("data:image/png;base64,AAAA")], picture, "not_an_image"),
            ([user(url), ["role": "assistant", "content": "A cat."]], "messages[1].role", "unsupported_parameter"),
            ([["role": "system", "content": "Be brief."], user(url)], "messages[0].role", "unsupported_parameter"),
            (
                [["role": "user", "content": [["type": "input_audio"]]]], "messages[0].content[0].type",
                "unsupported_parameter"
            ),
        ] as [(JSONValue, String, String)] {
            let answer = try await ask(messages)
            #expect(answer.status == 400 && answer.code == code, "\(answer.text)")
            #expect(answer.json["error"]?["param"] == .string(field), "\(answer.text)")
        }
        let unknown = try await laboratory.post("/v1/chat/completions", ["model": "x", "messages": [user(url)]])
        #expect(unknown.status == 404 && unknown.code == "unknown_model")
        let stored = try await ask([user(try await laboratory.picture())])
        #expect(stored.status == 200, "\(stored.text)")
    }

    @Test("an engine that takes no more says when to come again, and that it is worth it")
    func busy() async throws {
        let laboratory = try await Laboratory(engine: EngineThread(interactiveLimit: 0))
        for stream in [false, true] {
            let answer = try await complete(laboratory, [("stream", .bool(stream))])
            #expect(answer.status == 503 && answer.code == "engine_busy", "\(answer.text)")
            #expect(answer.fields[.retryAfter] == "1" && answer.fields[.shouldRetry] == "true")
        }
    }

    @Test("a client that goes in the middle of a stream stops the compute, and nothing is stored")
    func gone() async throws {
        let laboratory = try await Laboratory()
        var object = try request([("stream", true)]).objectValue ?? JSONObject()
        object["max_tokens"] = 3000
        let response = await laboratory.routes.answer(
            Request(
                method: .post, target: try RequestTarget("/v1/chat/completions"),
                headerFields: [.contentType: "application/json"], content: JSONValue.object(object).bytes))
        guard case .stream(let produce) = response.content else {
            Issue.record("no stream")
            return
        }
        await #expect(throws: ClientGone.self) { try await produce(BodyWriter { _ in throw ClientGone() }) }
        // The engine has one thread: this runs when the caption has left it.
        try await laboratory.jobs.engine.run(.interactive) { _ in }
        #expect(try await laboratory.get("/v1/jobs").json["data"] == [])
    }
}
