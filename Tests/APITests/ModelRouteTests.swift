import API
import HTTPServer
import HTTPTypes
import Jobs
import StrictJSON
import Testing

@Suite("Models and health over HTTP") struct ModelRouteTests {
    @Test("models are listed in OpenAI's shape, also one that cannot be loaded")
    func list() async throws {
        let laboratory = try await Laboratory()
        let list = try await laboratory.get("/v1/models")
        #expect(
            list.json["data"] == [
                ["id": "broken", "object": "model", "created": 0, "owned_by": "narrowgate", "family": nil],
                ["id": "gate", "object": "model", "created": 0, "owned_by": "narrowgate", "family": "chameleon"],
            ])
    }

    @Test("a model says all that a request can name")
    func model() async throws {
        let laboratory = try await Laboratory()
        let model = try await laboratory.get("/v1/models/gate")
        #expect(model.status == 200)
        for name in [
            "layers", "heads", "key_value_heads", "hidden_size", "parameters", "number_format", "bytes", "fingerprint",
            "sites", "roles", "presets", "variants", "limits",
        ] {
            #expect(model.json[name] != nil && model.json[name] != .null, "\(name)")
        }
        #expect(model.json["presets"]?["caption"]?["text"]?.stringValue?.contains("<image>") == true)
        #expect(model.json["chat"]?["text"] == "{message}<reserved08706>")
        #expect(model.json["messages"] == "chat")
        #expect(model.json["variants"]?["eoi"]?["knockouts"]?[0]?["keys"] == "eoi")
        #expect(model.json["fingerprint"]?.stringValue?.hasPrefix("sha256:") == true)
        #expect(try await laboratory.get("/v1/models/none").code == "unknown_model")
        #expect(try await laboratory.get("/v1/models/broken").code == "model_unavailable")
    }

    @Test("the server is alive at once, and ready when the default model computes")
    func health() async throws {
        let laboratory = try await Laboratory()
        let request = Request(method: .get, target: try RequestTarget("/livez"))
        #expect(laboratory.routes.answerAtOnce(request)?.status == .ok)
        #expect(laboratory.routes.answerAtOnce(Request(method: .get, target: try RequestTarget("/readyz"))) == nil)
        #expect(try await laboratory.get("/livez").json == ["status": "alive"])

        let first = try await laboratory.get("/readyz")
        if first.status == 503 {
            #expect(first.code == "not_ready")
            #expect(first.fields[.retryAfter] == "1")
        }
        _ = try await laboratory.jobs.models.model("gate")
        var last = first
        for _ in 0..<10_000 where last.status != 200 {
            await Task.yield()
            last = try await laboratory.get("/readyz")
        }
        #expect(last.json == ["status": "ready", "model": "gate"])
        laboratory.jobs.engine.stop()
        #expect(try await laboratory.get("/readyz").code == "shutting_down")
    }
}
