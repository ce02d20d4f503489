import Interventions
import Models
import StrictJSON
import Testing

private let badPositions: [(JSONValue, String)] = [
    ("5..<5", "empty"), ("9...3", "empty"), ("a..<b", "no range"), ([], "empty"), (-1, "count from 0"),
    (true, "expected"), (1.5, "integer"), ("9223372036854775807", "no index"), (9_223_372_036_854_775_807, "no index"),
    ("9223372036854775807...", "no range"), ("2147483647...", "no range"), ("0...9223372036854775807", "no range"),
]

private let badMeasurements: [(String, String)] = [
    (#"{"captures": [{"positions": "eoi"}]}"#, "measure.captures[0].site"),
    (#"{"captures": [{"site": "resid_in", "positions": "eoi", "layers": "each"}]}"#, "measure.captures[0].layers"),
    (#"{"captures": [{"site": "resid_in", "positions": "eoi", "pool": "max"}]}"#, "measure.captures[0].pool"),
    (#"{"captures": [{"site": "resid_in", "position": "eoi"}]}"#, "measure.captures[0].position"),
    (#"{"attention": [{"keys": []}]}"#, "measure.attention[0].keys"),
    (#"{"attention": [{"keys": "eoi"}]}"#, "measure.attention[0].keys"),
    (#"{"attention": [{"heads": "some"}]}"#, "measure.attention[0].heads"),
    (#"{"logit_lens": [{"site": "head_out"}]}"#, "measure.logit_lens[0].site"),
    (#"{"logit_lens": [{"top": 0}]}"#, "measure.logit_lens[0].top"),
]

@Suite("The words of a request")
struct VocabularyTests {
    private func expression(_ value: JSONValue) throws -> PositionExpression {
        try PositionExpression(JSONField(value, path: "keys"))
    }

    private func layers(_ value: JSONValue) throws -> LayerSelection {
        try LayerSelection(JSONField(value, path: "layers"))
    }

    @Test("positions are roles, indices, ranges or lists of these, and are spelled back as they came")
    func positions() throws {
        for value: JSONValue in ["eoi", "image[3,*]", "random_image(10)", "eoi#2", 19, "19..<31", ["eoi", "last", 3]] {
            #expect(try expression(value).json == value)
        }
        #expect(try expression("19...30") == .range(19..<31))
        #expect(try expression("19") == .index(19))
    }

    @Test("what is no position says why", arguments: badPositions)
    func refusedPositions(value: JSONValue, word: String) throws {
        let error = try #require(throws: JSONError.self) { try expression(value) }
        #expect(error.path.hasPrefix("keys"))
        #expect(error.problem.contains(word))
    }

    @Test("lists, ranges and all mean together; each, from_each and each_of make a variant a layer")
    func layerSelections() throws {
        #expect(try layers("all").resolve(count: 3, variantLayer: nil, path: "", model: "m") == [0, 1, 2])
        #expect(try layers([2, "0..<2", 2]).resolve(count: 3, variantLayer: nil, path: "", model: "m") == [0, 1, 2])
        #expect(try layers("1...").resolve(count: 3, variantLayer: nil, path: "", model: "m") == [1, 2])
        #expect(try layers("each").variantLayers(count: 3, path: "", model: "m") == [0, 1, 2])
        #expect(try layers(["each_of": [2, 0]]).variantLayers(count: 3, path: "", model: "m") == [2, 0])
        #expect(try layers("from_each").resolve(count: 3, variantLayer: 1, path: "", model: "m") == [1, 2])
        #expect(try !layers("all").makesVariants && layers("each").makesVariants)
    }

    @Test(
        "an index that no model could have is refused as a text, too",
        arguments: ["9223372036854775807", "2147483647", "9223372036854775807..."])
    func endlessLayers(text: String) {
        let error = #expect(throws: JSONError.self) { try layers(.string(text)) }
        #expect(error?.path == "layers")
    }

    @Test("a list of a million layers is read in one go, and a layer that it names twice is found")
    func manyLayers() throws {
        var list = (0..<1_000_000).map { JSONValue.integer($0) }
        #expect(try layers(["each_of": .array(list)]) == .eachOf(Array(0..<1_000_000)))
        list.append(7)
        let error = #expect(throws: JSONError.self) { try layers(["each_of": .array(list)]) }
        #expect(error?.path == "layers.each_of[1000000]")
    }

    @Test("a layer that the model does not have is refused by number and range")
    func layerOutOfRange() throws {
        let error = try #require(throws: InterventionError.self) {
            try layers(["1..<9"]).resolve(count: 6, variantLayer: nil, path: "layers", model: "gate")
        }
        #expect(error.code == .layerOutOfRange)
        #expect(error.description == "layers: layer 8 is outside 0...5 for gate")
    }

    @Test("a knockout's defaults are the paper's: text queries, all layers, all heads, zero")
    func knockoutDefaults() throws {
        let knockout = try Knockout(JSONField(["keys": "eoi"]))
        #expect(knockout == Knockout(keys: .role("eoi")))
        #expect(
            knockout.json
                == ["queries": "text", "keys": "eoi", "layers": "all", "heads": "all", "mode": "zero"])
    }

    @Test("an unknown member is refused by its path and with the members there are")
    func unknownMember() throws {
        let error = try #require(throws: JSONError.self) {
            try InterventionSet(JSONField(["knockouts": [["keys": "eoi", "layer": 3]]], path: "interventions"))
        }
        #expect(error.kind == .unknownField)
        #expect(error.path == "interventions.knockouts[0].layer")
        #expect(error.problem.contains("layers"))
    }

    @Test("a steer is read and spelled back, at scale 1 unless it says otherwise")
    func steer() throws {
        let spelled: JSONValue = [
            "site": "resid_out", "layers": 3, "positions": ["text", "generated"],
            "direction": ["state": "sha256:aa"],
        ]
        let steer = try Steer(JSONField(spelled))
        #expect(steer.scale == 1 && steer.direction == "sha256:aa")
        #expect(try Steer(JSONField(steer.json)) == steer)
        let set = try InterventionSet(JSONField(["steers": [spelled]]))
        #expect(set.states == ["sha256:aa"] && !set.isEmpty)
        #expect(try InterventionSet(JSONField(set.json)) == set)
        let error = try #require(throws: JSONError.self) {
            try InterventionSet(JSONField(["steers": [["site": "resid_out", "layers": 3, "positions": "text"]]]))
        }
        #expect(error.path == "steers[0].direction")
    }

    @Test("a patch's state stands alone, and is spelled back alone")
    func patchFromState() throws {
        let spelled: JSONValue = ["state": "sha256:aa"]
        func patch(_ source: JSONValue) throws -> Patch {
            try Patch(JSONField(["site": "resid_in", "layers": 1, "positions": "eoi", "source": source], path: "p"))
        }
        #expect(try patch(spelled).json["source"] == spelled)
        let error = try #require(throws: JSONError.self) { try patch(["state": "sha256:aa", "image": "sha256:b"]) }
        #expect(error.path == "p.source")
    }

    @Test("measurements are read with their defaults and spelled back")
    func measurements() throws {
        let spelled = try JSONParser.parse(
            Array(
                #"""
                {"captures": [{"site": "resid_out", "positions": "eoi"}, {"site": "head_out", "layers": "1..<3",
                  "positions": ["soi", "eoi"], "pool": "mean"}],
                 "attention": [{}, {"layers": 2, "heads": "0..<2", "queries": "text", "over_queries": "mean",
                  "keys": ["image", "eoi", 3]}, {"heads": "all", "keys": "each"}],
                 "logit_lens": [{}, {"site": "mlp_out", "positions": "eoi", "top": 3}]}
                """#.utf8))
        let fields = try JSONField(spelled, path: "measure").object()
        let measurements = try Measurements(fields)
        try fields.finish()
        #expect(measurements.captures[0].layers == .all && measurements.captures[0].pool == nil)
        #expect(measurements.attention[0] == Measurements.Attention())
        #expect(
            measurements.attention[0].json
                == ["layers": "all", "heads": "mean", "queries": "last", "over_queries": "each", "keys": nil])
        #expect(measurements.logitLens[0] == Measurements.LogitLens(site: .residOut, positions: .role("last"), top: 5))
        #expect(try Measurements(JSONField(measurements.json).object()) == measurements)
    }

    @Test("a measurement that cannot be meant is refused at its field", arguments: badMeasurements)
    func badMeasurement(text: String, path: String) throws {
        let value = try JSONParser.parse(Array(text.utf8))
        let error = try #require(throws: JSONError.self) {
            try Measurements(JSONField(value, path: "measure").object())
        }
        #expect(error.path == path)
    }

    @Test("a named variant is the one it spells out")
    func namedVariants() throws {
        let eoi = try Variant(JSONField("eoi_after_0"))
        #expect(eoi.interventions.knockouts[0].layers.json == "1...")
        let spelled = try Variant(JSONField(eoi.json))
        #expect(spelled == eoi)
        let error = try #require(throws: JSONError.self) { try Variant(JSONField("eio", path: "variants[0]")) }
        #expect(error.problem.contains("eoi_after_0"))
    }

    @Test("a variant sweeps over layers once at most")
    func oneSweep() throws {
        let variant = try Variant(
            JSONField([
                "name": "two",
                "knockouts": [["keys": "eoi", "layers": "each"], ["keys": "image", "layers": "from_each"]],
            ]))
        let error = try #require(throws: JSONError.self) { try variant.layerSweep(path: "variants[1]") }
        #expect(error.path == "variants[1].knockouts[1].layers")
    }

    @Test("indices are written as people read them")
    func compactText() {
        #expect([18].compactText == "18")
        #expect(Array(19..<31).compactText == "19..<31")
        #expect([2, 5, 6, 7, 9].compactText == "2, 5..<8, 9")
    }
}
