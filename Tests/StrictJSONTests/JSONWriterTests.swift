import StrictJSON
import Testing

@Suite("Writing JSON") struct JSONWriterTests {
    @Test("members keep their order, numbers are short, slashes stay")
    func order() {
        let value: JSONValue = ["z": 1, "a": [0.5, 3.0, true, nil], "url": "/v1/jobs"]
        #expect(value.text == #"{"z":1,"a":[0.5,3,true,null],"url":"/v1/jobs"}"#)
        #expect(JSONValue.array([]).prettyText == "[]")
        #expect((["a": [1]] as JSONValue).prettyText == "{\n  \"a\": [\n    1\n  ]\n}")
    }

    @Test("what was written reads back as the same value")
    func roundTrip() throws {
        let value: JSONValue = [
            "text": "\"\\\n\r\t\u{0}\u{1F}\u{7F}é\u{1F600}",
            "numbers": [0.1, 1e-300, 1.7976931348623157e308, -0.25, -0.0],
            "integers": [.integer(.max), .integer(.min), 0], "nested": [[], [:], [nil]],
        ]
        #expect(try JSONParser.parse(value.text) == value)
        #expect(try JSONParser.parse(value.prettyText) == value)
    }

    @Test("what is not finite is null")
    func finite() {
        #expect(JSONValue.finite(Double.nan) == .null)
        #expect(JSONValue.number(.infinity).text == "null")
        #expect(JSONValue.finite(Float(0.1)).text == "0.1")
    }
}
