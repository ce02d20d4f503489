import HTTPTypes
import StrictJSON
import Testing

@Suite("Bad input") struct BadInputTests {
    /// A request that must be refused: where, what, and how.
    struct Case: Sendable, CustomTestStringConvertible {
        let path: String
        let content: String
        let status: Int
        let code: String
        var field: String?

        init(_ path: String, _ content: String, _ status: Int, _ code: String, _ field: String? = nil) {
            self.path = path
            self.content = content
            self.status = status
            self.code = code
            self.field = field
        }

        var testDescription: String { "\(path) \(content.prefix(100))" }
    }

    /// `IMAGE` stands for the id of a stored picture.
    /// More cuts than one run takes.
    private static let cuts = Array(repeating: #"{"keys": "eoi"}"#, count: 257).joined(separator: ",")

    static let cases: [Case] = [
        Case("/v1/captions", "{\"image\": ", 400, "malformed_json"),
        Case("/v1/captions", "", 400, "malformed_json"),
        Case("/v1/captions", "[]", 400, "wrong_type"),
        Case("/v1/captions", String(repeating: "[", count: 100_000), 400, "malformed_json"),
        Case("/v1/captions", String(repeating: "{\"a\":", count: 100_000), 400, "malformed_json"),
        Case("/v1/captions", "{}", 400, "missing_field", "image"),
        Case("/v1/captions", #"{"imag": "IMAGE"}"#, 400, "unknown_field", "imag"),
        Case(
            "/v1/captions",
            #"{"image": "IMAGE", "interventions": {"knockouts": [\#(cuts)]}}"#,
            422, "invalid_value", "interventions.knockouts"),
        Case(
            "/v1/captions",
            #"{"image": "IMAGE", "interventions": {"patches": [{"site": "resid_in", "layers": "each", "positions": "eoi", "source": {"image": "IMAGE"}}]}}"#,
            422, "unsupported_intervention", "interventions.patches[0].layers"),
        Case(
            "/v1/captions", #"{"image": "IMAGE", "prompt": {"text": "\#(String(repeating: "a", count: 2 << 20))"}}"#,
            422,
            "invalid_value", "prompt.text"),
        Case("/v1/captions", #"{"image": "IMAGE", "tempreature": 1}"#, 400, "unknown_field", "tempreature"),
        Case("/v1/captions", #"{"image": "IMAGE", "max_tokens": "9"}"#, 400, "wrong_type", "max_tokens"),
        Case("/v1/captions", #"{"image": "IMAGE", "max_tokens": 1e9}"#, 422, "invalid_value", "max_tokens"),
        Case("/v1/captions", #"{"image": "IMAGE", "model": "gat"}"#, 404, "unknown_model", "model"),
        Case(
            "/v1/captions", #"{"image": "IMAGE", "prompt": {"preset": "x"}}"#, 422, "unknown_preset", "prompt.preset"),
        Case("/v1/captions", #"{"image": "http://a/b.png"}"#, 422, "invalid_image_reference", "image"),
        Case("/v1/captions", #"{"image": "data:image/png;base64,aGVsbG8="}"#, 422, "not_an_image", "image"),
        Case("/v1/captions", #"{"image": "data:image/png;base64,!"}"#, 422, "invalid_image_reference", "image"),
        Case(
            "/v1/captions", #"{"image": "sha256:\#(String(repeating: "0", count: 64))"}"#, 404, "unknown_image",
            "image"),
        Case(
            "/v1/knockouts", #"{"images": ["IMAGE"], "variants": [{"name": "x", "knockouts": [{"keys": "eio"}]}]}"#,
            422, "unknown_role", "variants[0].knockouts[0].keys"),
        Case(
            "/v1/knockouts",
            #"{"images": ["IMAGE"], "variants": [{"name": "x", "knockouts": [{"keys": "eoi#2"}]}]}"#,
            422, "unresolved_role", "variants[0].knockouts[0].keys"),
        Case(
            "/v1/knockouts",
            #"{"images": ["IMAGE"], "variants": [{"name": "x", "knockouts": [{"keys": "eoi", "layers": [99]}]}]}"#,
            422, "layer_out_of_range", "variants[0].knockouts[0].layers"),
        Case("/v1/knockouts", #"{"images": ["IMAGE"], "variants": []}"#, 422, "invalid_value", "variants"),
        Case("/v1/knockouts", #"{"images": [], "variants": ["eoi"]}"#, 422, "invalid_value", "images"),
        Case("/v1/knockouts", #"{"images": ["IMAGE"], "variants": ["eio"]}"#, 422, "unknown_variant", "variants[0]"),
        Case("/v1/knockouts", #"{"variants": ["eoi"]}"#, 400, "missing_field", "inputs"),
        Case("/v1/patches", #"{"pairs": []}"#, 422, "invalid_value", "pairs"),
        Case("/v1/patches", #"{"pairs": [{"base": "IMAGE"}]}"#, 400, "missing_field", "pairs[0].source"),
        Case(
            "/v1/patches", #"{"pairs": [{"base": "IMAGE", "source": "IMAGE"}], "site": "resid"}"#, 422,
            "unknown_site", "site"),
        Case(
            "/v1/patches", #"{"pairs": [{"base": "IMAGE", "source": "IMAGE"}], "layers": [99]}"#, 422,
            "layer_out_of_range", "layers"),
        Case(
            "/v1/patches", #"{"pairs": [{"base": "IMAGE", "source": "IMAGE"}], "dry_run": 1}"#, 400, "wrong_type",
            "dry_run"),
    ]

    @Test("is refused with a sentence that names the field", arguments: cases)
    func refused(_ bad: Case) async throws {
        let laboratory = try await Laboratory()
        let image = try await laboratory.picture()
        let answer = try await laboratory.post(
            bad.path, Array(bad.content.replacing("IMAGE", with: image).utf8), type: "application/json")
        #expect(answer.status == bad.status, "\(answer.text)")
        #expect(answer.code == bad.code, "\(answer.text)")
        if let field = bad.field { #expect(answer.field?.hasPrefix(field) == true, "\(answer.text)") }
        #expect(answer.fields[.contentType] == "application/problem+json")
        #expect(answer.json["instance"] == .string(bad.path))
        #expect(try await laboratory.get("/v1/jobs").json["data"] == [], "nothing was queued")
    }

    @Test("a job of 10⁹ cells is refused before anything is laid out")
    func manyCells() async throws {
        let laboratory = try await Laboratory()
        let image = try await laboratory.picture()
        let images = Array(repeating: "\"\(image)\"", count: 32_000).joined(separator: ",")
        let variants = (0..<32_000).map { "{\"name\":\"v\($0)\",\"knockouts\":[{\"keys\":\"eoi\"}]}" }
        let content = "{\"images\":[\(images)],\"variants\":[\(variants.joined(separator: ","))]}"
        let answer = try await laboratory.post("/v1/knockouts", Array(content.utf8), type: "application/json")
        #expect(answer.status == 422)
        #expect(answer.code == "too_many_cells")
        #expect(answer.detail.contains("1024032000 cells"), "\(answer.detail.prefix(200))")
    }

    @Test("a document of millions of values is refused before it is read")
    func manyValues() async throws {
        let laboratory = try await Laboratory()
        let content = Array("[".utf8) + Array(repeating: UInt8(ascii: ","), count: 2_000_001)
        let answer = try await laboratory.post("/v1/patches", content, type: "application/json")
        #expect(answer.status == 413)
        #expect(answer.code == "too_many_values")
    }

    @Test("JSON is taken as JSON only")
    func mediaTypes() async throws {
        let laboratory = try await Laboratory()
        for type in ["text/plain", "application/x-www-form-urlencoded", nil] {
            let answer = try await laboratory.post("/v1/knockouts", Array("{}".utf8), type: type)
            #expect(answer.status == 415)
            #expect(answer.detail.contains("application/json"))
        }
        #expect(try await laboratory.post("/v1/knockouts", Array("{}".utf8), type: "text/x+json").status == 400)
        #expect(try await laboratory.post("/v1/captions", Array("{}".utf8), type: "text/html").status == 415)
    }

    @Test("paths, methods and queries that are none are refused, too")
    func routing() async throws {
        let laboratory = try await Laboratory()
        #expect(try await laboratory.get("/v1/jobs/").code == "not_found")
        #expect(try await laboratory.get("/").status == 404)
        let wrong = try await laboratory.answer(.put, "/v1/jobs")
        #expect(wrong.status == 405)
        #expect(wrong.fields[.allow] == "GET, HEAD, OPTIONS")
        let options = try await laboratory.answer(.options, "/v1/images")
        #expect(options.status == 204)
        #expect(options.fields[.allow] == "GET, HEAD, OPTIONS, POST")
        for (target, code) in [
            ("/v1/jobs/nonsense", "unknown_job"), ("/v1/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV/results", "unknown_job"),
            ("/v1/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV/events", "unknown_job"), ("/v1/results?limit=0", "invalid_value"),
            ("/v1/results?limit=x", "wrong_type"), ("/v1/results?after=3", "invalid_value"),
            ("/v1/results?since=yesterday", "invalid_value"), ("/v1/results?kind=x", "invalid_value"),
            ("/v1/results?image=x", "invalid_value"), ("/v1/results?job=x", "invalid_value"),
            ("/v1/results?layr=1", "unknown_field"), ("/v1/jobs?status=done", "invalid_value"),
        ] {
            #expect(try await laboratory.get(target).code == code, "\(target)")
        }
        #expect(try await laboratory.answer(.post, "/v1/jobs/nonsense/cancel").status == 404)
    }
}
