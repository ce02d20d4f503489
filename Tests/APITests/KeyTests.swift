import API
import HTTPServer
import HTTPTypes
import Jobs
import Store
import StrictJSON
import Testing

@Suite("Keys and quotas") struct KeyTests {
    /// Well-formed, and nobody's.
    static let stranger = "ng_00000000_" + String(repeating: "0", count: 64)

    /// A laboratory with an admin's key.
    private struct Locked {
        let laboratory: Laboratory
        let admin: HTTPFields

        init() async throws {
            laboratory = try await Laboratory()
            let made = try await laboratory.post("/v1/keys", ["name": "admin", "admin": true])
            #expect(made.status == 201, "\(made.text)")
            admin = try KeyTests.fields(made)
        }

        func key(_ name: String, _ limits: JSONValue = nil) async throws -> HTTPFields {
            try KeyTests.fields(
                try await laboratory.post("/v1/keys", ["name": .string(name), "limits": limits], admin))
        }
    }

    private static func fields(_ made: Answer) throws -> HTTPFields {
        [.authorization: "Bearer " + (try #require(made.json["key"]?.stringValue))]
    }

    @Test("without keys everybody is let in, whatever key they send; with one, nobody without it")
    func door() async throws {
        let laboratory = try await Laboratory()
        #expect(try await laboratory.get("/v1/jobs", [.authorization: "Bearer sk-anything"]).status == 200)
        let locked = try await Locked()
        let refused = try await locked.laboratory.get("/v1/jobs")
        #expect(refused.status == 401)
        #expect(refused.code == "missing_key")
        #expect(refused.fields[.wwwAuthenticate] == "Bearer realm=\"narrowgate\"")
        #expect(refused.json["error"]?["type"] == "authentication_error")
        #expect(try await locked.laboratory.get("/v1/nothing").status == 401)
        for path in ["/livez", "/docs/errors", "/docs/errors/missing-key"] {
            #expect(try await locked.laboratory.get(path).status == 200, "\(path)")
        }
        #expect(try await locked.laboratory.get("/v1/jobs", locked.admin).status == 200)
        #expect(try await locked.laboratory.get("/v1/nothing", locked.admin).status == 404)
    }

    @Test("a key is let in only as it is, whole", arguments: ["", "x", "ng_", "tail"])
    func wrong(_ change: String) async throws {
        let locked = try await Locked()
        let right = locked.admin[.authorization] ?? ""
        let last = right.last == "0" ? "1" : "0"
        let wrong = change == "tail" ? right.dropLast() + last : right + (change.isEmpty ? "0" : change)
        let answer = try await locked.laboratory.get("/v1/jobs", [.authorization: String(wrong)])
        #expect(answer.status == 401)
        #expect(answer.code == "invalid_key")
        #expect(answer.fields[.wwwAuthenticate]?.contains("error=\"invalid_token\"") == true)
        #expect(!answer.text.contains(right.suffix(20)))
    }

    @Test("a revoked key is out at once, and the door stays closed")
    func revocation() async throws {
        let locked = try await Locked()
        let made = try await locked.laboratory.post("/v1/keys", ["name": "guest"], locked.admin)
        let (guest, id) = (try Self.fields(made), made.json["id"]?.stringValue ?? "")
        #expect(try await locked.laboratory.get("/v1/jobs", guest).status == 200)
        #expect(try await locked.laboratory.answer(.delete, "/v1/keys/\(id)", guest).status == 403)
        #expect(try await locked.laboratory.answer(.delete, "/v1/keys/\(id)", locked.admin).status == 200)
        #expect(try await locked.laboratory.get("/v1/jobs", guest).code == "invalid_key")
        #expect(try await locked.laboratory.answer(.delete, "/v1/keys/00000000", locked.admin).code == "unknown_key")
        let list = try await locked.laboratory.get("/v1/keys", locked.admin)
        #expect(list.json["data"]?.arrayValue?.count == 2)
        #expect(!list.text.contains("ng_"))
        // A server that is started again has the same keys.
        let ring = try await KeyRing(locked.laboratory.jobs.store)
        #expect(ring.isInUse)
        let again = Routes(jobs: locked.laboratory.jobs, keys: ring)
        let request = Request(method: .get, target: try RequestTarget("/v1/jobs"), headerFields: locked.admin)
        #expect(await again.answer(request).status == .ok)
    }

    @Test("a key sees its own jobs, pictures, states and rows; others' are not there; an admin sees all")
    func belongings() async throws {
        let locked = try await Locked()
        let laboratory = locked.laboratory
        let (ann, bob) = (try await locked.key("ann"), try await locked.key("bob"))
        let file = try Laboratory.file("image_a.png")
        let image = try Laboratory.digest(file)
        #expect(try await laboratory.post("/v1/images", file, type: "image/png", ann).status == 201)
        let state = try await laboratory.post(
            "/v1/states", ["image": .string(image), "site": "resid_out", "layers": [0], "positions": "eoi"], ann)
        #expect(state.status == 201, "\(state.text)")
        let stateID = state.json["id"]?.stringValue ?? ""
        let caption = try await laboratory.post(
            "/v1/captions", ["image": .string(image), "max_tokens": 2], ann)
        #expect(caption.status == 200, "\(caption.text)")
        let job = caption.json["id"]?.stringValue ?? ""

        let paths = ["/v1/images/\(image)", "/v1/states/\(stateID)", "/v1/jobs/\(job)", "/v1/jobs/\(job)/results"]
        for path in paths {
            #expect(try await laboratory.get(path, ann).status == 200, "\(path)")
            #expect(try await laboratory.get(path, locked.admin).status == 200, "\(path)")
            #expect(try await laboratory.get(path, bob).status == 404, "\(path)")
        }
        #expect(try await laboratory.get("/v1/jobs/\(job)/events", bob).status == 404)
        #expect(try await laboratory.answer(.post, "/v1/jobs/\(job)/cancel", bob).status == 404)
        #expect(try await laboratory.answer(.delete, "/v1/states/\(stateID)", bob).status == 404)
        for list in ["/v1/images", "/v1/states", "/v1/jobs", "/v1/results"] {
            #expect(try await laboratory.get(list, ann).json["data"]?.arrayValue?.count == 1, "\(list)")
            #expect(try await laboratory.get(list, locked.admin).json["data"]?.arrayValue?.count == 1, "\(list)")
            #expect(try await laboratory.get(list, bob).json["data"]?.arrayValue?.isEmpty == true, "\(list)")
        }
        #expect(try await laboratory.post("/v1/verify", ["result": .string(job + "/0")], bob).code == "unknown_result")
        #expect(try await laboratory.post("/v1/verify", ["result": .string(job + "/0")], ann).json["equal"] == true)
        let named = try await laboratory.post("/v1/captions", ["image": .string(image)], bob)
        #expect(named.code == "unknown_image")
        let mean = try await laboratory.post("/v1/states", ["mean": [.string(stateID)]], bob)
        #expect(mean.code == "unknown_state")

        // Whoever has the picture has it: the same bytes are one row, and two keys'.
        #expect(try await laboratory.post("/v1/images", file, type: "image/png", bob).status == 201)
        #expect(try await laboratory.get("/v1/images/\(image)", bob).status == 200)
        #expect(try await laboratory.get("/v1/images", locked.admin).json["data"]?.arrayValue?.count == 1)
    }

    /// Two keys that hold the same picture.
    private struct Sharing {
        let locked: Locked
        let image: String
        let ann: HTTPFields
        let bob: HTTPFields
        var laboratory: Laboratory { locked.laboratory }

        init() async throws {
            locked = try await Locked()
            ann = try await locked.key("ann")
            bob = try await locked.key("bob")
            let file = try Laboratory.file("image_a.png")
            image = try Laboratory.digest(file)
            for key in [ann, bob] {
                #expect(try await laboratory.post("/v1/images", file, type: "image/png", key).status == 201)
            }
        }
    }

    @Test("a chat is its key's: it sees that key's pictures, and its job is that key's", arguments: [false, true])
    func chat(isStreamed: Bool) async throws {
        let sharing = try await Sharing()
        let laboratory = sharing.laboratory
        func ask(_ key: HTTPFields) async throws -> Answer {
            try await laboratory.post(
                "/v1/chat/completions",
                [
                    "messages": [
                        [
                            "role": "user",
                            "content": [["type": "image_url", "image_url": ["url": .string(sharing.image)]]],
                        ]
                    ], "max_tokens": 2, "stream": .bool(isStreamed),
                ], key)
        }
        #expect(try await ask([:]).status == 401)
        #expect(try await ask(try await sharing.locked.key("eve")).code == "unknown_image")
        let answer = try await ask(sharing.ann)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(try await laboratory.get("/v1/jobs", sharing.ann).json["data"]?.arrayValue?.count == 1)
        #expect(try await laboratory.get("/v1/jobs", sharing.bob).json["data"]?.arrayValue?.count == 0)
    }

    @Test("an Idempotency-Key is the key's own: two clients may choose the same")
    func idempotency() async throws {
        let sharing = try await Sharing()
        func submit(_ key: HTTPFields, seed: Int) async throws -> Answer {
            var fields = key
            fields[.idempotencyKey] = "a1"
            return try await sharing.laboratory.post(
                "/v1/knockouts",
                ["images": [.string(sharing.image)], "variants": ["eoi"], "seed": .integer(seed)], fields)
        }
        let first = try await submit(sharing.ann, seed: 0)
        #expect(first.status == 202, "\(first.text)")
        #expect(try await submit(sharing.ann, seed: 0).json["id"] == first.json["id"])
        let other = try await submit(sharing.bob, seed: 1)
        #expect(other.status == 202, "\(other.text)")
        let reused = try await submit(sharing.ann, seed: 1)
        #expect(reused.code == "idempotency_key_reused" && reused.detail.contains("\"a1\""), "\(reused.text)")
        #expect(!reused.detail.contains(other.json["id"]?.stringValue ?? "-"))
    }

    @Test("a key that deletes a picture ends its own hold; the picture stays while others hold or name it")
    func deletion() async throws {
        let sharing = try await Sharing()
        let laboratory = sharing.laboratory
        let path = "/v1/images/\(sharing.image)"
        let caption = try await laboratory.post(
            "/v1/captions", ["image": .string(sharing.image), "max_tokens": 1], sharing.ann)
        let job = try #require(caption.json["id"]?.stringValue, "\(caption.text)")
        let inUse = try await laboratory.answer(.delete, path, sharing.ann)
        #expect(inUse.code == "image_in_use" && inUse.detail.contains(job))
        #expect(try await laboratory.answer(.delete, path, sharing.bob).status == 204)
        #expect(try await laboratory.get(path, sharing.bob).status == 404)
        #expect(try await laboratory.answer(.delete, path, sharing.bob).code == "unknown_image")
        #expect(try await laboratory.get(path, sharing.ann).status == 200)
        #expect(try await laboratory.answer(.delete, path, sharing.locked.admin).code == "image_in_use")
        #expect(try await laboratory.answer(.delete, "/v1/jobs/\(job)", sharing.bob).status == 404)
        #expect(try await laboratory.answer(.delete, "/v1/jobs/\(job)", sharing.ann).status == 204)
        #expect(try await laboratory.answer(.delete, path, sharing.ann).status == 204)
        #expect(try await laboratory.get(path, sharing.locked.admin).status == 404)
    }

    @Test("limits of jobs, cells, bytes and requests are the key's own")
    func quotas() async throws {
        let locked = try await Locked()
        let laboratory = locked.laboratory
        let (file, other) = (try Laboratory.file("image_a.png"), try Laboratory.file("image_b.png"))
        let image = JSONValue.string(try Laboratory.digest(file))
        let small = try await locked.key(
            "small", ["jobs": 1, "cells": 3, "bytes": .integer(file.count), "requests_per_minute": 100])
        #expect(try await laboratory.post("/v1/images", file, type: "image/png", small).status == 201)
        let full = try await laboratory.post("/v1/images", other, type: "image/png", small)
        #expect(full.status == 403)
        #expect(full.code == "storage_full")
        #expect(try await laboratory.get("/v1/images", small).json["data"]?.arrayValue?.count == 1)

        let cells = try await laboratory.post(
            "/v1/knockouts", ["images": [image], "variants": ["eoi", "bos", "soi"]], small)
        #expect(cells.status == 429)
        #expect(cells.code == "quota_exceeded")
        #expect(cells.detail.contains("3 cells"))
        #expect(cells.fields[.retryAfter] != nil)
        let first = try await laboratory.post("/v1/knockouts", ["images": [image], "variants": ["eoi"]], small)
        #expect(first.status == 202, "\(first.text)")
        let second = try await laboratory.post("/v1/captions", ["images": [image]], small)
        #expect(second.status == 429)
        #expect(second.detail.contains("1 unfinished jobs"))
        let cancel = (first.json["links"]?["cancel"]?.stringValue) ?? ""
        #expect(try await laboratory.answer(.post, cancel, small).status == 202)
        #expect(try await laboratory.post("/v1/captions", ["images": [image]], small).status == 202)

        let slow = try await locked.key("slow", ["requests_per_minute": 2])
        #expect(try await laboratory.get("/v1/jobs", slow).status == 200)
        #expect(try await laboratory.get("/v1/jobs", slow).status == 200)
        let limited = try await laboratory.get("/v1/jobs", slow)
        #expect(limited.status == 429)
        #expect(limited.code == "rate_limited")
        #expect((Int(limited.fields[.retryAfter] ?? "") ?? 0) > 0)
        #expect(try await laboratory.get("/v1/jobs", small).status == 200)
    }

    @Test("keys are for admins, and asked for by field")
    func requests() async throws {
        let locked = try await Locked()
        let guest = try await locked.key("guest")
        #expect(try await locked.laboratory.get("/metrics", guest).code == "admin_only")
        #expect(try await locked.laboratory.get("/metrics", locked.admin).status == 200)
        #expect(try await locked.laboratory.post("/v1/keys", ["name": "x"], guest).status == 403)
        for (body, field) in [
            ([:], "name"), (["name": ""], "name"), (["name": "x", "limits": ["jobs": 0]], "limits.jobs"),
            (["name": "x", "limit": [:]], "limit"),
        ] as [(JSONValue, String)] {
            #expect(try await locked.laboratory.post("/v1/keys", body, locked.admin).field == field)
        }
    }
}
