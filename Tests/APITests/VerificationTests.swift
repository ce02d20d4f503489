import HTTPTypes
import StrictJSON
import Testing

@Suite("POST /v1/verify") struct VerificationTests {
    @Test("a row is computed again and found equal, with the provenance of both")
    func equal() async throws {
        let laboratory = try await Laboratory()
        let image: JSONValue = .string(try await laboratory.picture())
        let caption = try await laboratory.post(
            "/v1/captions", ["image": image, "max_tokens": 6, "temperature": 2, "top_p": 0.9, "seed": 5])
        let id = try #require(caption.json["id"]?.stringValue)
        let answer = try await laboratory.post("/v1/verify", ["result": .string("\(id.lowercased())/0")])
        #expect(answer.status == 200, "\(answer.text)")
        #expect(
            answer.json.objectValue?.names == [
                "object", "result", "equal", "difference_count", "differences", "provenance", "seconds",
            ])
        #expect(answer.json["object"] == "verification")
        #expect(answer.json["result"] == .string("\(id)/0"))
        #expect(answer.json["equal"] == true, "\(answer.text)")
        #expect(answer.json["differences"] == [])
        #expect(answer.json["provenance"]?["stored"] == caption.json["provenance"])
        #expect(answer.json["provenance"]?["computed"] == caption.json["provenance"])
        #expect(answer.json["provenance"]?["differences"] == [])
        #expect(try await laboratory.get("/v1/jobs").json["data"]?.arrayValue?.count == 1, "nothing is stored")
    }

    @Test("what is no row, and what is not recorded, is refused by the field")
    func refusals() async throws {
        let laboratory = try await Laboratory()
        let image: JSONValue = .string(try await laboratory.picture())
        let queued = try await laboratory.post("/v1/knockouts", ["images": [image], "variants": ["eoi"]])
        let id = try #require(queued.json["id"]?.stringValue)
        for (request, status, code) in [
            (["result": .string("\(id)/0")], 404, "unknown_result"),
            (["result": "01ARZ3NDEKTSV4RRFFQ69G5FAV/0"], 404, "unknown_result"),
            (["result": .string(id)], 422, "invalid_value"), (["result": 3], 400, "wrong_type"),
            ([:], 400, "missing_field"), (["result": .string("\(id)/0"), "x": 1], 400, "unknown_field"),
        ] as [(JSONValue, Int, String)] {
            let answer = try await laboratory.post("/v1/verify", request)
            #expect(answer.status == status, "\(answer.text)")
            #expect(answer.code == code, "\(answer.text)")
        }
        #expect(try await laboratory.get("/v1/verify").status == 405)
    }
}
