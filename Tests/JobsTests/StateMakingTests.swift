import Checkpoints
import Foundation
import Interventions
import Jobs
import Models
import Store
import StrictJSON
import Testing

@Suite("Making states")
struct StateMakingTests {
    @Test("a state taken from a run says where it is from, is the same the next time, and what a job captures there")
    func capture() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            let request: JSONValue = [
                "name": "a at [EOI]", "image": .string(a), "site": "resid_out", "layers": "1...2", "positions": "eoi",
            ]
            let state = try await fixture.state(request)
            #expect(state.name == "a at [EOI]" && state.model == ServiceFixture.model && state.site == "resid_out")
            #expect(state.layers == [1, 2] && state.shape.list == [2, 1, 64])
            let origin = try JSONParser.parse(state.origin)
            #expect(origin["made"] == "capture" && origin["request"]?["image"] == .string(a))
            #expect(origin["request"]?["prompt"] == ["preset": "caption"])
            #expect(origin["provenance"]?["model"]?["name"] == .string(ServiceFixture.model))

            let (_, rows) = try await fixture.finish(
                .knockout,
                [
                    "images": [.string(a)], "variants": ["eoi"],
                    "measure": [
                        "caption": false, "captures": [["site": "resid_out", "layers": [1, 2], "positions": "eoi"]],
                    ],
                ])
            // Text that does not see [EOI] leaves [EOI]'s own state as it was.
            for row in rows {
                #expect(row["captures"]?.arrayValue?.first?["state"] == .string(state.digest))
            }
            #expect(try await fixture.state(request).digest == state.digest)
            #expect(try await fixture.store.state(state.digest) == state, "the first origin stays")
        }
    }

    @Test("a class mean is the mean of the states of its pictures, pooled or not, and a difference is their direction")
    func combinations() async throws {
        try await ServiceFixture.run { fixture in
            let images = [try await fixture.picture("image_a.png"), try await fixture.picture("image_b.png")]
            func capture(_ images: [String], pool: JSONValue = .null) async throws -> StateRecord {
                try await fixture.state([
                    "images": .array(images.map { .string($0) }), "site": "mlp_out", "positions": "text", "pool": pool,
                ])
            }
            let (first, second) = (try await capture([images[0]]), try await capture([images[1]]))
            let a = try await fixture.elements(first.digest)
            let b = try await fixture.elements(second.digest)
            let mean = try await capture(images)
            #expect(try await fixture.elements(mean.digest) == zip(a, b).map { Float((Double($0) + Double($1)) / 2) })
            let pair: JSONValue = [.string(first.digest), .string(second.digest)]
            #expect(try await fixture.state(["mean": pair]).digest == mean.digest)
            let sum = try await fixture.state(["sum": pair])
            #expect(try await fixture.elements(sum.digest) == zip(a, b).map { Float(Double($0) + Double($1)) })
            let direction = try await fixture.state(["difference": pair, "name": "b to a"])
            #expect(try await fixture.elements(direction.digest) == zip(a, b).map { Float(Double($0) - Double($1)) })
            #expect(direction.layers == [0, 1, 2, 3] && direction.site == "mlp_out")
            #expect(direction.model == ServiceFixture.model)
            #expect(try JSONParser.parse(direction.origin) == ["made": "difference", "states": pair])

            let pooled = try await capture(images, pool: "mean")
            #expect(pooled.shape == StateShape(layers: 4, positions: 1, width: 64))
            let positions = mean.shape.positions
            var expected: [Float] = []
            for layer in 0..<4 {
                for column in 0..<64 {
                    var total = 0.0
                    for position in 0..<positions {
                        let at = (layer * positions + position) * 64 + column
                        total += Double(a[at]) + Double(b[at])
                    }
                    expected.append(Float(total / Double(2 * positions)))
                }
            }
            let error = zip(try await fixture.elements(pooled.digest), expected).map { abs($0 - $1) }.max() ?? 1
            #expect(error < 1e-6)
        }
    }

    @Test("a state may be taken from a run under interventions, patches from states among them")
    func intervened() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            let zeros = try await fixture.upload(Array(repeating: 0, count: 64), shape: [64])
            let state = try await fixture.state([
                "image": .string(a), "site": "attn_out", "layers": 2, "positions": "eoi",
                "interventions": [
                    "patches": [
                        [
                            "site": "attn_out", "layers": 2, "positions": "eoi",
                            "source": ["state": .string(zeros.digest)],
                        ]
                    ]
                ],
            ])
            #expect(try await fixture.elements(state.digest) == Array(repeating: 0, count: 64))
        }
    }

    @Test("a request that cannot be done is refused by field, and leaves nothing")
    func refusals() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            let small = try await fixture.upload([1, 2], shape: [2])
            let nobody = "sha256:" + String(repeating: "0", count: 64)
            func refusal(_ members: JSONValue) async throws -> String {
                do {
                    _ = try await fixture.state(members)
                    return "accepted"
                } catch { return "\(error)" }
            }
            func capture(_ changes: KeyValuePairs<String, JSONValue>) async throws -> String {
                var object = JSONObject([("image", .string(a)), ("site", "resid_out"), ("positions", "eoi")])
                for (name, value) in changes { object[name] = value }
                return try await refusal(.object(object))
            }
            #expect(try await refusal([:]).hasPrefix("image: is required"))
            #expect(try await refusal(["image": .string(a)]) == "site: is required")
            #expect(try await capture(["positions": .null]) == "positions: is required")
            #expect(try await capture(["mean": []]).hasPrefix("mean: give one of"))
            #expect(try await capture(["layer": 3]).hasPrefix("layer: unknown field; known fields are"))
            #expect(try await capture(["layers": 9]).hasPrefix("layers: layer 9 is outside 0...3"))
            #expect(try await capture(["layers": "each"]).hasPrefix("layers: what is measured takes"))
            #expect(try await capture(["positions": "eio"]).hasPrefix("positions: \"eio\" is no role"))
            #expect(try await capture(["positions": "generated"]).hasPrefix("positions: "))
            #expect(try await capture(["name": ""]) == "name: a name has 1 to 200 bytes")
            #expect(try await capture(["image": .string(nobody)]).hasPrefix("image: there is no image"))
            #expect(
                try await capture(["prompt": ["preset": "no"]]).hasPrefix("prompt.preset: \"no\" is no preset"))
            #expect(try await refusal(["mean": [.string(nobody)]]) == "mean[0]: there is no state \(nobody)")
            #expect(try await refusal(["mean": ["cross"]]).hasPrefix("mean[0]: there is no state cross; a state's id"))
            #expect(try await refusal(["sum": []]) == "sum: the list is empty; name at least one state")
            #expect(
                try await refusal(["difference": [.string(small.digest)]]).hasPrefix(
                    "difference: 1 states; a difference"))
            let big = try await fixture.upload([.greatestFiniteMagnitude, 0], shape: [2])
            #expect(
                try await refusal(["sum": [.string(big.digest), .string(big.digest)]])
                    == "sum: the result is beyond float32")
            let wide = try await fixture.upload([1, 2, 3], shape: [3])
            #expect(
                try await refusal(["sum": [.string(small.digest), .string(wide.digest)]])
                    .hasPrefix("sum[1]: has the shape [1, 1, 3]"))
            #expect(try await fixture.store.states().elements.count == 3)
        }
    }

    @Test("a state read through the head names the tokens that the run would have said")
    func logitLens() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            let state = try await fixture.state([
                "image": .string(a), "site": "resid_out", "layers": [0, 3], "positions": "last",
            ])
            let lens = try await fixture.service.logitLens(of: state.digest, on: nil, top: 3)
            #expect(lens["model"] == .string(ServiceFixture.model) && lens["site"] == "resid_out")
            let rows = try #require(lens["rows"]?.arrayValue)
            #expect(rows.map { $0["layer"] } == [0, 3] && rows.map { $0["position"] } == [0, 0])
            let (_, job) = try await fixture.finish(
                .knockout, ["images": [.string(a)], "variants": ["eoi"], "measure": ["caption": false, "top": 3]])
            let said = job[0]["next_token"]?["top"]?.arrayValue ?? []
            let read = rows[1]["top"]?.arrayValue ?? []
            #expect(read.map { $0["id"] } == said.map { $0["id"] } && read.count == 3)
            for (read, said) in zip(read, said) {
                #expect(abs((read["p"]?.doubleValue ?? 0) - (said["p"]?.doubleValue ?? 1)) < 1e-6)
            }
            let small = try await fixture.upload([1, 2], shape: [2])
            await #expect(throws: InterventionError.self) {
                try await fixture.service.logitLens(of: small.digest, on: nil, top: 3)
            }
        }
    }

    @Test("layers of an upload may be written as a list of indices and ranges, and a file of another kind is none")
    func uploads() throws {
        func layers(_ text: String) throws -> [Int]? {
            try StateUpload(JSONFields(JSONObject([("layers", .string(text))]))).layers
        }
        #expect(try layers("3") == [3] && layers("0..<3") == [0, 1, 2] && layers("0, 2...3") == [0, 2, 3])
        #expect(try layers("[1,2]") == [1, 2])
        for text in ["", "all", "each", "3...", "-1", "1,,2", "0..<9999,0..<9999", "9223372036854775807"] {
            #expect(throws: JSONError.self, "\(text)") { try layers(text) }
        }
        let error = try #require(throws: MalformedState.self) {
            try StateUpload().state(in: Array("{\"not\": 1}".utf8), called: "it")
        }
        #expect(error.isNoState)
        let cut = try NPYFile(shape: [2], elements: [1, 2]).bytes.dropLast()
        #expect(
            try #require(throws: MalformedState.self) { try StateUpload().state(in: Array(cut), called: "it") }
                .isNoState == false)
    }
}
