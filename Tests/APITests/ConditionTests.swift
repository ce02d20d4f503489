import API
import HTTPServer
import HTTPTypes
import Store
import StrictJSON
import Testing

@Suite("Conditions, codings and envelopes") struct ConditionTests {
    @Test(
        "a request that is compressed is a 415 that says what would be taken, identity is taken",
        arguments: ["gzip", "identity, br", "X-Zip"])
    func contentCoding(_ coding: String) async throws {
        let laboratory = try await Laboratory()
        let picture = try Laboratory.file("image_a.png")
        let refused = try await laboratory.post("/v1/images", picture, type: "image/png", [.contentEncoding: coding])
        #expect(refused.status == 415 && refused.code == "unsupported_content_coding")
        #expect(refused.fields[.acceptEncoding] == "identity" && refused.field == "Content-Encoding")
        let taken = try await laboratory.post("/v1/images", picture, type: "image/png", [.contentEncoding: "Identity"])
        #expect(taken.status == 201)
    }

    @Test("If-Match lets a picture be read and deleted only as the client knows it")
    func ifMatch() async throws {
        let laboratory = try await Laboratory()
        let path = "/v1/images/\(try await laboratory.picture())"
        let tag = try #require(try await laboratory.get(path).fields[.eTag])
        for method in [HTTPRequest.Method.get, .head, .delete] {
            for condition in ["\"sha256:00\"", "W/\(tag)"] {
                let refused = try await laboratory.answer(method, path, [.ifMatch: condition])
                #expect(refused.status == 412 && refused.code == "precondition_failed")
            }
        }
        #expect(try await laboratory.get(path, [.ifMatch: "\"x\", \(tag)"]).status == 200)
        #expect(try await laboratory.get(path, [.ifMatch: "*"]).status == 200)
        #expect(try await laboratory.answer(.delete, path, [.ifNoneMatch: tag]).status == 412)
        // There are no dates of change to compare with.
        let date = "Thu, 01 Jan 1970 00:00:00 GMT"
        #expect(try await laboratory.get(path, [.ifUnmodifiedSince: date]).status == 200)
        #expect(try await laboratory.answer(.delete, path, [.ifMatch: tag]).status == 204)
        #expect(try await laboratory.answer(.delete, path, [.ifMatch: tag]).status == 404)
    }

    @Test("the weak tags of JSON never match, a star does")
    func weakTags() async throws {
        let laboratory = try await Laboratory()
        let tag = try #require(try await laboratory.get("/v1/models").fields[.eTag])
        #expect(tag.hasPrefix("W/"))
        #expect(try await laboratory.get("/v1/models", [.ifMatch: tag]).status == 412)
        #expect(try await laboratory.get("/v1/models", [.ifMatch: "*"]).status == 200)
        #expect(try await laboratory.get("/v1/models", [.ifNoneMatch: tag]).status == 304)
    }

    @Test("where OpenAI's clients ask, refusals are in OpenAI's envelope, whoever refuses")
    func envelope() async throws {
        let laboratory = try await Laboratory()
        let refusals = [
            try await laboratory.answer(.put, "/v1/chat/completions"), try await laboratory.get("/v1/models/none"),
            try await laboratory.get("/v1/chat/none"), try await laboratory.get("/v1/models?x=1"),
        ]
        #expect(refusals.map(\.status) == [405, 404, 404, 400])
        #expect(refusals.allSatisfy { $0.json.objectValue?.names == ["error"] })
        #expect(refusals.allSatisfy { $0.fields[.contentType] == "application/json" })
        #expect(refusals[0].fields[.allow]?.contains("POST") == true)
        #expect(try await laboratory.get("/v1/jobs/none").fields[.contentType] == "application/problem+json")

        let record = try await laboratory.post("/v1/keys", ["name": "admin", "admin": true])
        #expect(record.status == 201)
        let keyless = try await laboratory.get("/v1/models")
        #expect(keyless.status == 401 && keyless.json.objectValue?.names == ["error"])
        #expect(keyless.fields[.wwwAuthenticate] != nil)

        let configuration = try laboratory.routes.serverConfiguration(
            ServeConfiguration(database: "", modelDirectories: []))
        var refusal = Refusal(.contentTooLarge, "too much")
        refusal.target = try RequestTarget("/v1/chat/completions")
        let large = try await Answer(configuration.refusal(refusal))
        #expect(large.status == 413 && large.json["error"]?["code"] == "content_too_large" && large.json["type"] == nil)
        refusal.target = try RequestTarget("/v1/images")
        #expect(try await Answer(configuration.refusal(refusal)).json["type"] != nil)
    }
}
