import API
import Foundation
import HTTPServer
import HTTPTypes
import StrictJSON
import Testing

@Suite("States over HTTP") struct StateRouteTests {
    /// A `.npy` file of float32 as `numpy.save` makes it.
    private func npy(_ shape: String, _ values: [Float]) -> [UInt8] {
        var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(shape)), }"
        header += String(repeating: " ", count: (64 - (header.utf8.count + 11) % 64) % 64) + "\n"
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8)
            + values.withUnsafeBytes { Array($0) }
    }

    private func capture(_ laboratory: Laboratory, _ name: String = "a") async throws -> Answer {
        let image = try await laboratory.picture()
        return try await laboratory.post(
            "/v1/states",
            [
                "name": .string(name), "image": .string(image), "site": "resid_out", "layers": [0, 2],
                "positions": "eoi",
            ])
    }

    @Test("a state is made from a run and comes back as .npy, safetensors and JSON, as is asked for")
    func forms() async throws {
        let laboratory = try await Laboratory()
        let made = try await capture(laboratory, "a at [EOI]")
        #expect(made.status == 201, "\(made.text)")
        #expect(
            made.json.objectValue?.names == [
                "id", "object", "name", "model", "site", "layers", "shape", "bytes", "origin", "created_at",
            ])
        let id = try #require(made.json["id"]?.stringValue)
        let path = "/v1/states/\(id)"
        #expect(made.fields[.location] == path)
        #expect(made.json["model"] == "gate" && made.json["shape"] == [2, 1, 64] && made.json["layers"] == [0, 2])

        let record = try await laboratory.get(path, [.accept: "application/json"])
        let values = try #require(record.json["values"]?.arrayValue)
        let numbers = values.flatMap { $0.arrayValue?.first?.arrayValue ?? [] }.map { Float($0.doubleValue ?? .nan) }
        #expect(values.count == 2 && numbers.count == 128)
        let norm = numbers.prefix(64).reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(abs((record.json["norms"]?[0]?[0]?.doubleValue ?? 0) - norm) < 1e-9 * norm)

        let array = try await laboratory.get(path)
        #expect(array.content == npy("2, 1, 64", numbers))
        #expect(array.fields[.contentType] == "application/x-npy" && array.fields[.vary] == "Accept")
        #expect(array.fields[.contentDisposition]?.hasSuffix(".npy\"") == true)
        let file = try await laboratory.get(path, [.accept: "application/x-safetensors"])
        #expect(try "sha256:" + Laboratory.digest(file.content).dropFirst(7) == id)
        #expect(file.fields[.contentType] == "application/x-safetensors" && file.fields[.eTag] == "\"\(id)\"")
        #expect(file.fields[.eTag] != array.fields[.eTag])
        for (accept, format, same) in [
            ("text/html, */*;q=0.8", "", array), ("application/octet-stream", "", array),
            ("application/json;q=0.5, application/x-npy", "", array), ("text/html", "?format=safetensors", file),
            ("application/json", "?format=npy", array), ("", "?format=json", record),
        ] {
            let answer = try await laboratory.get(path + format, accept.isEmpty ? [:] : [.accept: accept])
            #expect(answer.content == same.content, "\(accept) \(format)")
        }
        #expect(try await laboratory.get(path + "?format=csv").code == "invalid_value")

        let list = try await laboratory.get("/v1/states?name=a%20at%20%5BEOI%5D&model=gate&site=resid_out&limit=5")
        #expect(list.json["data"] == [made.json] && list.json["last_id"] == .string(id))
        #expect(try await laboratory.get("/v1/states?model=open").json["data"] == [])
        #expect(try await laboratory.get("/v1/states?after=\(id)").json["data"] == [])
    }

    @Test("files come as content, as curl sends them, or in a form, and equal files are one state")
    func uploads() async throws {
        let laboratory = try await Laboratory()
        let made = try await capture(laboratory)
        let id = try #require(made.json["id"]?.stringValue)
        let array = try await laboratory.get("/v1/states/\(id)").content
        let file = try await laboratory.get("/v1/states/\(id)?format=safetensors").content
        for type in ["application/x-npy", "application/octet-stream", "application/x-www-form-urlencoded", nil] {
            let sent = try await laboratory.post("/v1/states?site=resid_out&layers=0,2", array, type: type)
            #expect(sent.status == 201 && sent.json["id"] == .string(id), "\(type ?? "") \(sent.text)")
            let own = try await laboratory.post("/v1/states", file, type: type)
            #expect(own.json["id"] == .string(id), "its metadata say site and layers")
        }
        let form = ImageRouteTests.form([
            "state": array, "site": Array("resid_out".utf8), "layers": Array("[0, 2]".utf8),
        ])
        #expect(try await laboratory.post("/v1/states", form.content, type: form.type).json["id"] == .string(id))

        let vector = try await laboratory.post("/v1/states?name=v", npy("3,", [1, 2, 3]), type: nil)
        #expect(vector.json["shape"] == [1, 1, 3] && vector.json["layers"] == .null && vector.json["site"] == .null)
        #expect(vector.json["name"] == "v" && vector.json["origin"] == ["made": "upload", "format": "npy"])
        let stack = try await laboratory.post("/v1/states", npy("2, 1, 1", [1, 2]), type: nil)
        #expect(stack.json["layers"] == [0, 1])
        let curl = try await laboratory.post(
            "/v1/states", Array(#" {"sum": ["\#(id)", "\#(id)"]}"#.utf8), type: "application/x-www-form-urlencoded")
        #expect(curl.status == 201 && curl.json["origin"]?["made"] == "sum")
    }

    @Test("what is no state is refused with a sentence")
    func refusals() async throws {
        let laboratory = try await Laboratory()
        func post(_ target: String, _ content: [UInt8], _ type: String? = nil) async throws -> String {
            let answer = try await laboratory.post(target, content, type: type)
            #expect(answer.detail.count > 15, "\(answer.text)")
            return "\(answer.status) \(answer.code ?? "")"
        }
        let array = npy("3,", [1, 2, 3])
        #expect(try await post("/v1/states", Array("hello".utf8)) == "415 malformed_state")
        #expect(try await post("/v1/states", []) == "415 malformed_state")
        #expect(try await post("/v1/states", array, "text/html") == "415 unsupported_media_type")
        #expect(try await post("/v1/states", array, "application/json") == "400 malformed_json")
        #expect(try await post("/v1/states", Array(array.dropLast())) == "422 malformed_state")
        #expect(try await post("/v1/states", npy("3,", [1, .nan, 3])) == "422 malformed_state")
        #expect(try await post("/v1/states?site=resid", array) == "422 unknown_site")
        #expect(try await post("/v1/states?layers=0,1", array) == "422 malformed_state")
        #expect(try await post("/v1/states?layers=some", array) == "422 invalid_value")
        #expect(try await post("/v1/states?color=red", array) == "400 unknown_field")
        #expect(try await post("/v1/states?tensor=x", array) == "422 malformed_state")
        #expect(try await post("/v1/states", Array("{}".utf8), "application/json") == "400 missing_field")
        let request = Array(#"{"image": "sha256:0", "model": "cat", "site": "resid_in", "positions": 0}"#.utf8)
        #expect(try await post("/v1/states", request, "application/json") == "404 unknown_model")
        #expect(try await post("/v1/states?x=1", request, "application/json") == "400 unknown_field")
        let form = ImageRouteTests.form(["file": array])
        #expect(try await post("/v1/states", form.content, form.type) == "400 missing_field")
        let nobody = "sha256:" + String(repeating: "0", count: 64)
        for target in ["/v1/states/\(nobody)", "/v1/states/x?format=json", "/v1/states/x/logit_lens"] {
            #expect(try await laboratory.get(target).code == "unknown_state")
        }
        #expect(try await laboratory.answer(.delete, "/v1/states/\(nobody)").status == 404)
        #expect(try await laboratory.get("/v1/states?after=\(nobody)").status == 404)
    }

    @Test("a part of a file is answered as RFC 9110 has it")
    func ranges() async throws {
        let laboratory = try await Laboratory()
        let id = try #require(try await capture(laboratory).json["id"]?.stringValue)
        for format in ["npy", "safetensors"] {
            let path = "/v1/states/\(id)?format=\(format)"
            let whole = try await laboratory.get(path)
            let tag = try #require(whole.fields[.eTag])
            let count = whole.content.count
            #expect(whole.fields[.acceptRanges] == "bytes")
            func get(_ range: String, _ fields: HTTPFields = [:]) async throws -> Answer {
                var fields = fields
                fields[.range] = range
                return try await laboratory.get(path, fields)
            }
            for (text, range) in [
                ("bytes=0-9", 0..<10), ("bytes=100-", 100..<count), ("bytes=-7", count - 7..<count),
                ("bytes=120-140", 120..<141), ("bytes=5-99999999999999999999", 5..<count), ("BYTES= 3-3", 3..<4),
            ] {
                let part = try await get(text)
                #expect(part.status == 206 && part.content == Array(whole.content[range]), "\(text)")
                #expect(
                    part.fields[.contentRange] == "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(count)")
                #expect(part.fields[.eTag] == tag && part.fields[.contentType] == whole.fields[.contentType])
            }
            for text in ["bytes=0-1,5-6", "items=0-5", "bytes=9-2", "bytes=a-b", "bytes=-", "0-5"] {
                let answer = try await get(text)
                #expect(answer.status == 200 && answer.content == whole.content, "\(text)")
            }
            for text in ["bytes=\(count)-", "bytes=-0", "bytes=99999999999999999999-"] {
                let answer = try await get(text)
                #expect(answer.status == 416 && answer.code == "range_not_satisfiable", "\(text)")
                #expect(answer.fields[.contentRange] == "bytes */\(count)")
            }
            #expect(try await get("bytes=0-9", [.ifRange: tag]).status == 206)
            for condition in ["\"other\"", "W/\(tag)", "Tue, 24 Nov 2026 17:05:03 GMT"] {
                #expect(try await get("bytes=0-9", [.ifRange: condition]).status == 200)
            }
            for condition in [tag, "\"x\", W/\(tag)", "*"] {
                let answer = try await get("bytes=0-9", [.ifNoneMatch: condition])
                #expect(answer.status == 304 && answer.content.isEmpty && answer.fields[.eTag] == tag)
            }
            #expect(try await laboratory.get(path, [.ifNoneMatch: "\"x\""]).status == 200)
            let head = try await laboratory.answer(.head, path, [.range: "bytes=0-9"])
            #expect(head.status == 200)
        }
    }

    @Test("a picture's file is answered in parts, too")
    func pictures() async throws {
        let laboratory = try await Laboratory()
        let id = try await laboratory.picture()
        let file = try Laboratory.file("image_a.png")
        let part = try await laboratory.get("/v1/images/\(id)", [.range: "bytes=10-"])
        #expect(part.status == 206 && part.content == Array(file.dropFirst(10)))
        #expect(try await laboratory.get("/v1/images/\(id)", [.ifNoneMatch: "\"\(id)\""]).status == 304)
    }

    @Test("states are sources and directions; while a job that names one waits, it cannot be deleted")
    func inRequests() async throws {
        let laboratory = try await Laboratory()
        let image = try await laboratory.picture()
        let id = try #require(try await capture(laboratory).json["id"]?.stringValue)
        let steer: JSONValue = [
            "site": "resid_out", "layers": 2, "positions": "text", "direction": ["state": .string(id)], "scale": 2,
        ]
        let caption = try await laboratory.post(
            "/v1/captions",
            [
                "image": .string(image), "max_tokens": 2, "interventions": ["steers": [steer]], "receipt": "full",
                "measure": ["captures": [["site": "resid_out", "layers": 2, "positions": "last"]]],
            ])
        #expect(caption.status == 200, "\(caption.text)")
        #expect((caption.json["receipt"]?["effect"]?.doubleValue ?? 0) > 0)
        let captured = try #require(caption.json["captures"]?[0]?["state"]?.stringValue)
        let origin = try await laboratory.get("/v1/states/\(captured)?format=json").json["origin"]
        #expect(origin?["cell"] == .string("\(caption.json["id"]?.stringValue ?? "")/0"))

        let job: JSONValue = ["images": [.string(image)], "variants": [["name": "s", "steers": [steer]]]]
        let submitted = try await laboratory.post("/v1/knockouts", job)
        #expect(submitted.status == 202)
        let refused = try await laboratory.answer(.delete, "/v1/states/\(id)")
        #expect(refused.status == 409 && refused.code == "state_in_use")
        #expect(refused.detail.contains(submitted.json["id"]?.stringValue ?? "?"))
        _ = try await laboratory.answer(.post, "/v1/jobs/\(submitted.json["id"]?.stringValue ?? "")/cancel")
        #expect(try await laboratory.answer(.delete, "/v1/states/\(id)").status == 204)
        #expect(try await laboratory.get("/v1/states/\(id)").status == 404)

        let again = try await laboratory.post("/v1/knockouts", job)
        #expect(again.status == 404 && again.code == "unknown_state")
        #expect(again.field == "variants[0].steers[0].direction.state")
        let wrong = try await laboratory.post("/v1/states", npy("3,", [1, 2, 3]), type: nil)
        let three = JSONValue.string(wrong.json["id"]?.stringValue ?? "")
        let mismatch = try await laboratory.post(
            "/v1/captions",
            [
                "image": .string(image),
                "interventions": [
                    "patches": [
                        ["site": "resid_in", "layers": 0, "positions": "eoi", "source": ["state": three]]
                    ]
                ],
            ])
        #expect(mismatch.status == 422 && mismatch.code == "state_mismatch")
        #expect(mismatch.field == "interventions.patches[0].source.state")
    }

    @Test("a state is read through a model's head")
    func logitLens() async throws {
        let laboratory = try await Laboratory()
        let id = try #require(try await capture(laboratory).json["id"]?.stringValue)
        let lens = try await laboratory.get("/v1/states/\(id)/logit_lens?model=gate&top=3")
        #expect(lens.json["object"] == "logit_lens" && lens.json["state"] == .string(id))
        #expect(lens.json["rows"]?.arrayValue?.map { $0["layer"] ?? .null } == [0, 2])
        #expect(lens.json["rows"]?[1]?["top"]?.arrayValue?.count == 3)
        #expect(
            try await laboratory.get("/v1/states/\(id)/logit_lens").json["rows"]?[0]?["top"]?.arrayValue?.count == 5)
        #expect(try await laboratory.get("/v1/states/\(id)/logit_lens?top=0").code == "invalid_value")
        #expect(try await laboratory.get("/v1/states/\(id)/logit_lens?model=x").code == "unknown_model")
        let three = try await laboratory.post("/v1/states", npy("3,", [1, 2, 3]), type: nil)
        let narrow = try await laboratory.get("/v1/states/\(three.json["id"]?.stringValue ?? "")/logit_lens")
        #expect(narrow.status == 422 && narrow.code == "state_mismatch")
    }

    @Test("a state larger than a piece is streamed with its length, and the same in parts")
    func large() async throws {
        let laboratory = try await Laboratory()
        let values = (0..<700_000).map { Float($0) }
        let array = npy("7, 10, 10000", values)
        let id = try #require(
            try await laboratory.post("/v1/states", array, type: nil).json["id"]?.stringValue)
        #expect(try await laboratory.get("/v1/states/\(id)").content == array)
        let part = try await laboratory.get("/v1/states/\(id)", [.range: "bytes=64-2000063"])
        #expect(part.content == Array(array[64..<2_000_064]))
        #expect(try await laboratory.get("/v1/states/\(id)?format=json").json["values"] == .null)
    }
}
