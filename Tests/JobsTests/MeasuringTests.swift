import Foundation
import Interventions
import Jobs
import Models
import Store
import StrictJSON
import Testing

@Suite("States and measurements in jobs")
struct MeasuringTests {
    /// A row without what differs from run to run.
    private func essence(_ row: JSONValue, without names: String...) -> JSONValue {
        var object = row.objectValue ?? JSONObject()
        for name in ["id", "job", "seconds", "variant", "provenance"] + names { object[name] = nil }
        return .object(object)
    }

    @Test(
        "a patch from a captured state is, bit for bit, the patch from the run that it was captured in",
        arguments: Site.allCases)
    func patchFromState(site: Site) async throws {
        try await ServiceFixture.run { fixture in
            let (a, b) = (try await fixture.picture("image_a.png"), try await fixture.picture("image_b.png"))
            let name = JSONValue.string(site.rawValue)
            let state = try await fixture.state(["image": .string(b), "site": name, "positions": "image"])
            func variant(_ name: JSONValue, _ source: JSONValue) -> JSONValue {
                [
                    "name": name,
                    "patches": [
                        ["site": .string(site.rawValue), "layers": "each", "positions": "image", "source": source]
                    ],
                ]
            }
            let (job, rows) = try await fixture.finish(
                .knockout,
                [
                    "images": [.string(a)],
                    "variants": [
                        variant("run", ["image": .string(b)]), variant("state", ["state": .string(state.digest)]),
                    ], "measure": ["max_tokens": 3],
                ])
            #expect(job.status == .succeeded)
            #expect(rows.count == 9)
            for layer in 0..<4 {
                #expect(essence(rows[1 + layer]) == essence(rows[5 + layer]), "layer \(layer)")
                #expect((rows[1 + layer]["receipt"]?["patches"]?.arrayValue?.count) == 1)
            }
            #expect((1..<5).contains { (rows[$0]["receipt"]?["effect"]?.doubleValue ?? 0) > 0 })
            #expect(
                try JSONParser.parse(job.request)["variants"]?.arrayValue?[1]["patches"]?.arrayValue?[0]["source"]
                    == ["state": .string(state.digest)])
        }
    }

    @Test("one variant a layer steers with that layer's direction; scale 0 changes nothing")
    func steering() async throws {
        try await ServiceFixture.run { fixture in
            let images = [try await fixture.picture("image_a.png"), try await fixture.picture("image_b.png")]
            var states: [JSONValue] = []
            for image in images {
                let state = try await fixture.state([
                    "image": .string(image), "site": "resid_out", "positions": "eoi",
                ])
                states.append(.string(state.digest))
            }
            let direction = try await fixture.state(["difference": .array(states)])
            func variant(_ name: JSONValue, scale: JSONValue) -> JSONValue {
                [
                    "name": name,
                    "steers": [
                        [
                            "site": "resid_out", "layers": "each", "positions": "text",
                            "direction": ["state": .string(direction.digest)], "scale": scale,
                        ]
                    ],
                ]
            }
            let (job, rows) = try await fixture.finish(
                .knockout,
                [
                    "images": [.string(images[0])],
                    "variants": [variant("steered", scale: 8), variant("idle", scale: 0)],
                    "measure": ["max_tokens": 3],
                ])
            #expect(job.status == .succeeded, "\(job.error ?? "")")
            #expect(rows.map { $0["layer"]?.integerValue ?? -1 } == [-1, 0, 1, 2, 3, 0, 1, 2, 3])
            for layer in 0..<4 {
                let receipt = rows[1 + layer]["receipt"]
                #expect((receipt?["effect"]?.doubleValue ?? 0) > 0)
                #expect(receipt?["steers"]?.arrayValue?.count == 1)
                #expect(receipt?["steers"]?.arrayValue?.first?["layer"] == .integer(layer))
                #expect(rows[5 + layer]["receipt"]?["effect"] == 0)
                #expect(rows[5 + layer]["caption"]?["text"] == rows[0]["caption"]?["text"])
            }
        }
    }

    @Test("every kind of job measures beside, in each of its rows, and stores what it captured with them")
    func allKinds() async throws {
        try await ServiceFixture.run { fixture in
            let (a, b) = (try await fixture.picture("image_a.png"), try await fixture.picture("image_b.png"))
            let lists: KeyValuePairs<String, JSONValue> = [
                "captures": [
                    ["site": "resid_out", "positions": "text", "pool": "mean"],
                    ["site": "head_out", "layers": 1, "positions": ["eoi", "last"]],
                ], "attention": [[:]], "logit_lens": [["top": 2]],
            ]
            var beside = JSONObject(lists.map { ($0, $1) })
            let caption = try await fixture.finish(
                .caption, ["images": [.string(a), .string(b)], "max_tokens": 2, "measure": .object(beside)])
            beside["caption"] = false
            let knockout = try await fixture.finish(
                .knockout, ["images": [.string(a)], "variants": ["eoi"], "measure": .object(beside)])
            let patch = try await fixture.finish(
                .patch,
                [
                    "pairs": [["base": .string(a), "source": .string(b)]], "layers": ["each_of": [0, 2]],
                    "measure": .object(beside),
                ])
            for (job, rows) in [caption, knockout, patch] {
                #expect(job.status == .succeeded, "\(job.error ?? "")")
                #expect(rows.count == 2)
                for row in rows {
                    let captures = try #require(row["captures"]?.arrayValue)
                    #expect(captures.map { $0["shape"] } == [[4, 1, 64], [1, 2, 64]])
                    #expect(captures[0]["positions"] == "19..<23" || captures[0]["pool"] == "mean")
                    for capture in captures {
                        let state = try #require(
                            try await fixture.store.state(capture["state"]?.stringValue ?? ""))
                        #expect(state.model == ServiceFixture.model)
                        #expect(.array(state.shape.list.map { .integer($0) }) == capture["shape"])
                    }
                    #expect(row["attention"]?.arrayValue?.count == 1)
                    #expect(row["logit_lens"]?.arrayValue?.first?["rows"]?.arrayValue?.count == 4)
                }
            }
            let origin = try await fixture.store.state(
                knockout.rows[1]["captures"]?.arrayValue?[0]["state"]?.stringValue ?? "")
            #expect(
                try JSONParser.parse(origin?.origin ?? "")
                    == ["made": "capture", "cell": .string("\(knockout.job.id)/1"), "capture": 0])
            // A patch at layer 0 has no effect, so its run is the base's clean one.
            #expect(essence(patch.rows[0])["captures"] == essence(knockout.rows[0])["captures"])
            #expect(essence(patch.rows[1])["captures"] != essence(knockout.rows[0])["captures"])
            #expect(caption.rows[0]["attention"] == nil || caption.rows[0]["captures"] != caption.rows[1]["captures"])

            let answer = try await fixture.service.caption(
                try await fixture.plan(
                    .caption, ["image": .string(a), "max_tokens": 2, "measure": ["logit_lens": [["top": 1]]]]))
            #expect(answer["captures"] == .null && answer["logit_lens"]?.arrayValue?.count == 1)
        }
    }

    @Test("attention by role sums to 1 where nothing is cut, and to what is left where something is")
    func attention() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            let (_, rows) = try await fixture.finish(
                .knockout,
                [
                    "images": [.string(a)], "variants": ["eoi"],
                    "measure": [
                        "next_token": false, "caption": false,
                        "attention": [
                            ["keys": ["prefix", "soi", "image", "eoi", "text"]],
                            ["layers": 2, "heads": "all", "queries": "text", "over_queries": "mean", "keys": "each"],
                        ],
                    ],
                ])
            func sums(_ row: JSONValue, _ index: Int) -> [Double] {
                (row["attention"]?.arrayValue?[index]["rows"]?.arrayValue ?? []).map { row in
                    (row["weights"]?.arrayValue ?? []).reduce(0) { $0 + ($1.doubleValue ?? .nan) }
                }
            }
            #expect(sums(rows[0], 0).count == 4 && sums(rows[0], 1).count == 4)
            for sum in sums(rows[0], 0) + sums(rows[0], 1) { #expect(abs(sum - 1) < 1e-5) }
            let eoi = rows[1]["attention"]?.arrayValue?[0]["rows"]?.arrayValue ?? []
            for (layer, row) in eoi.enumerated() {
                #expect(row["weights"]?.arrayValue?[3] == 0, "layer \(layer)")
            }
            #expect(sums(rows[1], 0).allSatisfy { $0 < 0.9999 })
        }
    }

    @Test("the logit lens at the last layer's output lists what the next token's distribution does")
    func logitLens() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            let (_, rows) = try await fixture.finish(
                .knockout,
                [
                    "images": [.string(a)], "variants": ["eoi", "image_to_text"],
                    "measure": ["caption": false, "top": 5, "logit_lens": [["layers": "2..."]]],
                ])
            for row in rows {
                let lens = try #require(row["logit_lens"]?.arrayValue?.first?["rows"]?.arrayValue)
                #expect(lens.map { $0["layer"] } == [2, 3])
                let read = lens[1]["top"]?.arrayValue ?? []
                let said = row["next_token"]?["top"]?.arrayValue ?? []
                #expect(read.map { $0["id"] } == said.map { $0["id"] } && read.count == 5)
                for (read, said) in zip(read, said) {
                    #expect(abs((read["p"]?.doubleValue ?? 0) - (said["p"]?.doubleValue ?? 1)) < 1e-6)
                }
            }
        }
    }

    @Test("computing such a job again gives the same rows, states included")
    func replay() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            let direction = try await fixture.upload((0..<64).map { Float($0) / 64 }, shape: [64])
            let (job, _) = try await fixture.finish(
                .knockout,
                [
                    "images": [.string(a)],
                    "variants": [
                        [
                            "name": "steer",
                            "steers": [
                                [
                                    "site": "mlp_out", "layers": 1, "positions": "last",
                                    "direction": ["state": .string(direction.digest)], "scale": -3.5,
                                ]
                            ],
                        ]
                    ],
                    "measure": [
                        "max_tokens": 2, "captures": [["site": "attn_in", "positions": "random_image(3)"]],
                        "attention": [["heads": [0, 3], "queries": "eoi"]], "logit_lens": [["site": "mlp_out"]],
                    ], "seed": 5,
                ])
            let replay = try await fixture.service.replay(try #require(JobIdentifier(job.id)))
            for group in replay.groups {
                let verifications = try await replay.verifications(of: group)
                #expect(verifications.count == 2)
                for verification in verifications { #expect(verification.differences.isEmpty) }
            }
            try await fixture.store.deleteState(direction.digest)
            await #expect(throws: CannotReplay.self) {
                try await fixture.service.replay(try #require(JobIdentifier(job.id)))
            }
        }
    }

    @Test("states that do not fit, or are not there, are refused at submission by field; named ones cannot be deleted")
    func refusals() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            let state = try await fixture.upload(
                Array(repeating: 1, count: 64), shape: [64], site: .residIn, layers: [2])
            let nobody = "sha256:" + String(repeating: "0", count: 64)
            func refusal(_ variant: JSONValue, _ measure: JSONValue = .null) async throws -> InterventionError? {
                do {
                    _ = try await fixture.plan(
                        .knockout, ["images": [.string(a)], "variants": [variant], "measure": measure])
                    return nil
                } catch { return error as? InterventionError }
            }
            func steer(_ state: String, site: JSONValue = "resid_in", layers: JSONValue = 2) -> JSONValue {
                [
                    "name": "x",
                    "steers": [
                        [
                            "site": site, "layers": layers, "positions": "last",
                            "direction": ["state": .string(state)],
                        ]
                    ],
                ]
            }
            #expect(try await refusal(steer(state.digest)) == nil)
            let unknown = try await refusal(steer(nobody))
            #expect(unknown?.code == .unknownState && unknown?.path == "variants[0].steers[0].direction.state")
            let site = try await refusal(steer(state.digest, site: "mlp_out"))
            #expect(site?.code == .stateMismatch && site?.path.hasPrefix("variants[0].steers[0].direction") == true)
            #expect(try await refusal(steer(state.digest, layers: "each"))?.code == .stateMismatch)
            let small = try await fixture.upload([1], shape: [1])
            #expect(try await refusal(steer(small.digest))?.code == .stateMismatch)

            let many = try await refusal("eoi", ["attention": [["heads": "all", "queries": "all", "keys": "each"]]])
            #expect(many == nil, "chameleon-tiny's prompts are short")
            let tokens = try await refusal(
                "eoi", ["logit_lens": .array(Array(repeating: ["positions": "all", "top": 100], count: 40))])
            #expect(tokens?.code == .tooManyValues && tokens?.path == "measure")
            let layer = try await refusal("eoi", ["captures": [["site": "resid_in", "layers": 7, "positions": "eoi"]]])
            #expect(layer?.code == .layerOutOfRange && layer?.path == "measure.captures[0].layers")
        }
    }

    @Test("a dry run counts what captures and measurements add to the results")
    func estimate() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            func bytes(_ measure: JSONValue) async throws -> Int {
                let plan = try await fixture.plan(
                    .knockout, ["images": [.string(a)], "variants": ["eoi"], "measure": measure])
                return try await fixture.service.dryRun(plan)["result_bytes"]?.integerValue ?? 0
            }
            let plain = try await bytes(["caption": false])
            let captured = try await bytes(["captures": [["site": "resid_in", "positions": "eoi"]]])
            #expect(captured - plain == 2 * 4 * 64 * 4)
            let measure: JSONValue = ["caption": false, "attention": [[:]], "logit_lens": [["top": 5]]]
            let estimated = try await bytes(measure) - plain
            func size(_ measure: JSONValue) async throws -> Int {
                let (_, rows) = try await fixture.finish(
                    .knockout, ["images": [.string(a)], "variants": ["eoi"], "measure": measure])
                return rows.reduce(0) { $0 + $1.bytes.count }
            }
            let actual = try await size(measure) - size(["caption": false])
            #expect(Double(estimated) > 0.7 * Double(actual) && Double(estimated) < 1.4 * Double(actual))
        }
    }
}
