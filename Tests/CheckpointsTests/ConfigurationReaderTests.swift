import Checkpoints
import StrictJSON
import Testing

@Suite("Reading config.json") struct ConfigurationReaderTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func reader(_ text: String) throws -> ConfigurationReader {
        try ConfigurationReader(path: scratch.write(text, "config.json"))
    }

    private func refusal(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "accepted"
        } catch { return "\(error)" }
    }

    @Test("members are read with defaults, and null is absent")
    func defaults() throws {
        let config = try reader(
            #"{"hidden_size": 64, "eps": 1e-5, "swin_norm": true, "act": "silu", "none": null, "list": [1, 2], "#
                + #""vq": {"resolution": 512}}"#)
        #expect(try config.integer("hidden_size", in: 1...1000) == 64)
        #expect(try config.integer("layers", default: 32, in: 1...1000) == 32)
        #expect(try config.integer("none", default: 3, in: 1...1000) == 3)
        #expect(try config.number("eps", in: 0...1) == 1e-5)
        #expect(try config.bool("swin_norm", default: false))
        #expect(try config.string("act", oneOf: ["silu"]) == "silu")
        #expect(try config.integers("list", in: 0...9) == [1, 2])
        #expect(try config.nested("vq")?.integer("resolution", in: 1...4096) == 512)
        #expect(config.unread.isEmpty)
        try config.finish()
    }

    @Test("wrong types, ranges, words and absences are refused by path")
    func refusals() throws {
        let config = try reader(#"{"a": "x", "b": -1, "c": {"d": 2.5}, "e": [1, "x"], "f": 1}"#)
        #expect(refusal { _ = try config.integer("a", in: 0...9) }.contains("a: expected an integer"))
        #expect(refusal { _ = try config.integer("b", in: 0...9) }.contains("b: -1 is outside 0...9"))
        let nested = try #require(try config.nested("c"))
        #expect(refusal { _ = try nested.integer("d", in: 0...9) }.contains("c.d: expected an integer"))
        #expect(refusal { _ = try config.integers("e", in: 0...9) }.contains("e[1]: expected an integer"))
        #expect(refusal { _ = try config.string("a", oneOf: ["y"]) }.contains("\"x\" is not supported; y would be"))
        #expect(refusal { _ = try config.integer("z", in: 0...9) }.contains("z: is required"))
        #expect(refusal { try config.require("b", toBe: 0, because: "why") }.contains("b: -1 is not supported, only 0"))
        #expect(refusal { _ = try config.nested("a") }.contains("a: must be an object"))
        #expect(config.unread == ["f"])
        #expect(refusal { try config.finish() }.contains("f: unknown field"))
        config.ignore("f")
        try config.finish()
    }

    @Test("a file that is no JSON object is refused by name")
    func noObject() throws {
        #expect(refusal { _ = try reader("[]") }.contains("config.json: must be a JSON object"))
        #expect(refusal { _ = try reader("") }.contains("config.json"))
    }
}
