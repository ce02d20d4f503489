import Interventions
import StrictJSON
import Testing

private let badPositions: [(JSONValue, String)] = [
    ("5..<5", "empty"), ("9...3", "empty"), ("a..<b", "no range"), ([], "empty"), (-1, "count from 0"),
    (true, "expected"), (1.5, "integer"),
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

    @Test("steering is refused with its reason, an empty list of it is not")
    func steering() throws {
        #expect(throws: Never.self) { try InterventionSet(JSONField(["steers": []])) }
        #expect(throws: JSONError.self) { try InterventionSet(JSONField(["steers": [["site": "resid_out"]]])) }
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
