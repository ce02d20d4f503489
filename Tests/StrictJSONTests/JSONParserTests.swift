import StrictJSON
import Testing

@Suite("Reading JSON strictly") struct JSONParserTests {
    private func refusal(_ text: String) -> String {
        do throws(JSONError) {
            _ = try JSONParser.parse(text)
            return "accepted"
        } catch {
            return error.kind == .malformed ? error.description : "wrong kind"
        }
    }

    @Test("a document of every kind of value")
    func values() throws {
        let value = try JSONParser.parse(#" {"a": [1, -0.5, 2e3, true, false, null, "x"], "b": {}, "c": []} "#)
        #expect(value["a"] == [1, -0.5, 2000, true, false, nil, "x"])
        #expect(value["b"] == [:])
        #expect(value["c"]?.arrayValue == [])
        #expect(value.objectValue?.names == ["a", "b", "c"])
    }

    @Test(
        "what is no JSON is refused with the byte",
        arguments: [
            "", " ", "{", "[1,", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{'a':1}", "[1 2]", "nul", "truex", "01",
            "-", "+1", ".5", "1.", "1e", "1e+", "NaN", "Infinity", "1e999", "[1]]", "{} {}", "\"a", "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"tab\there\"", "// c", "\u{FEFF}{}",
        ])
    func malformed(text: String) {
        #expect(refusal(text).hasPrefix("not valid JSON at byte"), "\(refusal(text))")
    }

    @Test(
        "bytes that are no UTF-8 are refused",
        arguments: [[0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22]])
    func invalidUTF8(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSONParser.parse(bytes) }
    }

    @Test("nesting is bounded")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(refusal(nested(60)) == "accepted")
        #expect(refusal(nested(70)).contains("nested deeper than 64"))
        #expect(refusal(String(repeating: "[", count: 1_000_000)).contains("nested deeper"))
        #expect(refusal(String(repeating: #"{"a":"#, count: 1_000_000)).contains("nested deeper"))
    }

    @Test("a doubled name is refused, also when one is written with escapes")
    func duplicates() {
        #expect(refusal(#"{"a":1,"b":2,"a":3}"#).contains("\"a\" appears twice"))
        #expect(refusal(#"{"a":1,"\u0061":3}"#).contains("appears twice"))
        #expect(refusal(#"[{"a":1},{"a":1}]"#) == "accepted")
    }

    @Test("names that differ only by Unicode normalization are two names")
    func exactNames() throws {
        let value = try JSONParser.parse("{\"\u{E9}\":1,\"e\u{301}\":2}")
        #expect(value.objectValue?.count == 2)
        #expect(value["\u{E9}"] == 1)
        #expect(value["e\u{301}"] == 2)
        var object = JSONObject([("\u{E9}", 1)])
        object["e\u{301}"] = 2
        object["\u{E9}"] = nil
        #expect(object.members.map { $0.1 } == [2])
    }

    @Test("integers stay exact, larger numbers become doubles")
    func numbers() throws {
        #expect(try JSONParser.parse("9223372036854775807") == .integer(.max))
        #expect(try JSONParser.parse("-9223372036854775808") == .integer(.min))
        #expect(try JSONParser.parse("9223372036854775808") == .number(9_223_372_036_854_775_808))
        #expect(try JSONParser.parse("0.1") == .number(0.1))
        #expect(try JSONParser.parse("1E-2") == .number(0.01))
        #expect(try JSONParser.parse("-0") == .integer(0))
    }

    @Test("escapes stand for their scalars")
    func escapes() throws {
        let value = try JSONParser.parse(#""\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00""#)
        #expect(value == "\"\\/\u{8}\u{C}\n\r\tA\u{E9}\u{1F600}")
    }
}
