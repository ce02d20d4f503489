import Interventions
import Jobs
import Store
import StrictJSON
import Testing

@Suite("Jobs from request to rows")
struct ExperimentTests {
    @Test("a knockout job has a clean row and one a variant for every input, in order")
    func knockouts() async throws {
        try await ServiceFixture.run { fixture in
            let (a, b) = (try await fixture.picture("image_a.png"), try await fixture.picture("image_b.png"))
            let (job, rows) = try await fixture.finish(
                .knockout,
                [
                    "images": [.string(a), .string(b)], "variants": ["eoi", "random_image", "other_image"],
                    "measure": ["max_tokens": 3],
                ])
            #expect(job.status == .succeeded)
            #expect(
                rows.map { $0["variant"]?.stringValue ?? "" }
                    == ["clean", "eoi", "random_image", "other_image", "clean", "eoi", "random_image", "other_image"])
            #expect(rows[0]["receipt"]?["effect"] == 0)
            #expect(rows[0]["next_token"]?["similarity"]?.doubleValue == 1)
            #expect(rows[0]["caption"]?["agrees"] == true)
            #expect((rows[1]["receipt"]?["effect"]?.doubleValue ?? 0) > 0)
            #expect(rows[3]["shown_image"] == .string(b))
            #expect(rows[3]["image"] == .string(a))
            // What the next input's picture gives is that input's own clean run.
            #expect(rows[3]["caption"]?["text"] == rows[4]["caption"]?["text"])
            let summary = try JSONParser.parse(try #require(job.summary))
            #expect(summary["by"] == "variant")
            #expect(summary["rows"]?.arrayValue?.count == 4)
        }
    }

    @Test("a patch job has a row a pair and layer, and [EOI] at layer 0 has effect 0")
    func patches() async throws {
        try await ServiceFixture.run { fixture in
            let (a, b) = (try await fixture.picture("image_a.png"), try await fixture.picture("image_b.png"))
            let (job, rows) = try await fixture.finish(
                .patch,
                [
                    "pairs": [
                        [
                            "id": "a→b", "base": .string(a), "source": .string(b), "base_token": ["id": 300],
                            "source_token": ["id": 301],
                        ]
                    ]
                ])
            #expect(job.status == .succeeded)
            #expect(rows.map { $0["layer"]?.integerValue ?? -1 } == [0, 1, 2, 3])
            #expect(rows[0]["receipt"]?["effect"] == 0)
            #expect((rows[1]["receipt"]?["effect"]?.doubleValue ?? 0) > 0)
            for row in rows {
                #expect(row["pair"] == "a→b")
                #expect(row["positions"] == "18")
                let base = row["base_token"]?["p_base"]?.doubleValue ?? -1
                let source = row["source_token"]?["p_base"]?.doubleValue ?? -1
                #expect(row["base_correct"]?.boolValue == (base > source))
            }
        }
    }

    @Test("the same request gives the same rows, but for names and times")
    func repeatable() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            let request: JSONValue = [
                "images": [.string(a)], "variants": ["random_image", "image_to_text"], "measure": ["max_tokens": 4],
                "seed": 9,
            ]
            func essence(_ rows: [JSONValue]) -> [JSONValue] {
                rows.map { row in
                    var object = row.objectValue ?? JSONObject()
                    for name in ["id", "job", "seconds"] { object[name] = nil }
                    return .object(object)
                }
            }
            let first = try await fixture.finish(.knockout, request).rows
            let second = try await fixture.finish(.knockout, request).rows
            #expect(essence(first) == essence(second))
        }
    }

    @Test("a caption answered at once is the caption of the job, and is stored as one cell")
    func caption() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            let request: JSONValue = [
                "image": .string(a), "max_tokens": 5, "interventions": ["knockouts": [["keys": "eoi"]]],
                "receipt": "full", "top_logprobs": 2,
            ]
            let answer = try await fixture.service.caption(try await fixture.plan(.caption, request))
            let (job, rows) = try await fixture.finish(.caption, request)
            #expect(job.status == .succeeded)
            #expect(rows[0]["tokens"] == answer["tokens"])
            #expect(rows[0]["receipt"] == answer["receipt"])
            #expect(answer["tokens"]?.arrayValue?.first?["top"]?.arrayValue?.count == 2)
            let id = try #require(answer["id"]?.stringValue)
            #expect(try await fixture.store.job(id)?.status == .succeeded)
            #expect(try await fixture.store.cells(CellQuery(job: id)).elements.count == 1)
        }
    }

    @Test("what cannot run is refused when it is submitted, by its field")
    func refusals() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            func code(_ kind: JobKind, _ request: JSONValue) async -> String {
                do {
                    _ = try await fixture.plan(kind, request)
                    return "accepted"
                } catch let error as InterventionError {
                    return "\(error.path) \(error.code.rawValue)"
                } catch {
                    return "\(type(of: error))"
                }
            }
            let image = JSONValue.string(a)
            #expect(
                await code(
                    .knockout, ["images": [image], "variants": [["name": "x", "knockouts": [["keys": "eio"]]]]])
                    == "variants[0].knockouts[0].keys unknown_role")
            #expect(
                await code(
                    .knockout,
                    ["images": [image], "variants": [["name": "x", "knockouts": [["keys": "eoi", "layers": 9]]]]])
                    == "variants[0].knockouts[0].layers layer_out_of_range")
            #expect(
                await code(.knockout, ["images": [image], "variants": ["other_image"]]) == "variants[0] nothing_to_do")
            #expect(
                await code(.patch, ["pairs": [["base": image, "source": image]], "positions": "generated"])
                    == "positions unsupported_intervention")
            #expect(
                await code(.patch, ["pairs": [["base": image, "source": image, "base_token": "two words"]]])
                    == "pairs[0].base_token unknown_token")
            #expect(
                await code(.caption, ["image": image, "prompt": ["text": "no picture"]])
                    == "prompt image_count_mismatch")
            #expect(
                await code(.caption, ["image": image, "prompt": ["preset": "x"]]) == "prompt.preset unknown_preset")
            #expect(
                await code(
                    .caption,
                    ["image": image, "interventions": ["knockouts": [["keys": "eoi", "layers": "from_each"]]]])
                    == "interventions.knockouts[0].layers unsupported_intervention")
            #expect(await code(.caption, ["image": image, "model": "x"]) == "UnknownModel")
            #expect(
                await code(.caption, ["image": .string("sha256:" + String(repeating: "0", count: 64))])
                    == "UnknownImage")
            #expect(await code(.caption, ["image": "http://example.com/a.png"]) == "ImageReferenceError")
            #expect(await code(.caption, ["image": "data:image/png;base64,AAAA"]) == "RefusedImage")
        }
    }

    @Test("a dry run counts what the job would compute and runs none of it")
    func dryRun() async throws {
        try await ServiceFixture.run { fixture in
            let (a, b) = (try await fixture.picture("image_a.png"), try await fixture.picture("image_b.png"))
            let plan = try await fixture.plan(.patch, ["pairs": [["base": .string(a), "source": .string(b)]]])
            let answer = try await fixture.service.dryRun(plan)
            #expect(answer["cells"] == 4)
            #expect(answer["clean_runs"] == 2)
            #expect((answer["estimated_seconds"]?.doubleValue ?? 0) > 0)
            let planned = answer["token_layers"]?["planned"]?.integerValue ?? 0
            #expect(planned > 0 && planned < answer["token_layers"]?["from_scratch"]?.integerValue ?? 0)
            #expect(try await fixture.store.jobs().elements.isEmpty)
        }
    }

    @Test("a sweep over layers inside a knockout variant is a row a layer")
    func layerSweep() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            let (_, rows) = try await fixture.finish(
                .knockout,
                [
                    "images": [.string(a)],
                    "variants": [["name": "window", "knockouts": [["keys": "eoi", "layers": "from_each"]]]],
                    "measure": ["caption": false],
                ])
            #expect(rows.map { $0["layer"] ?? .null } == [nil, 0, 1, 2, 3])
            #expect(
                rows.dropFirst().map { $0["receipt"]?["knockouts"]?.arrayValue?.first?["layers"] ?? .null }
                    == ["0..<4", "1..<4", "2..<4", "3"])
            #expect(rows[0]["caption"] == JSONValue.null)
        }
    }
}
