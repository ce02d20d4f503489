import StrictJSON
import Testing

@Suite("Reading fields") struct JSONFieldTests {
    private func fields(_ text: String) throws -> JSONFields { try JSONField(JSONParser.parse(text)).object() }

    private func refusal(_ body: () throws -> Void) -> JSONError? {
        do {
            try body()
            return nil
        } catch { return error as? JSONError }
    }

    @Test("members nobody asked for are refused by path, with those that are known")
    func unknown() throws {
        let outer = try fields(#"{"variants":[{"name":"x","nam":1}]}"#)
        let inner = try #require(try outer.required("variants").array().first).object()
        _ = inner.optional("name")
        let error = refusal { try inner.finish() }
        #expect(error?.kind == .unknownField)
        #expect(error?.description == "variants[0].nam: unknown field; known fields are name")
        try outer.finish()
        inner.ignore("nam")
        try inner.finish()
    }

    @Test("absent and null are the same; required says so")
    func missing() throws {
        let fields = try fields(#"{"a":null}"#)
        #expect(fields.optional("a") == nil)
        let error = refusal { _ = try fields.required("a") }
        #expect(error?.kind == .missingField && error?.path == "a")
    }

    @Test("wrong types and ranges name the field and what was found")
    func wrong() throws {
        let fields = try fields(#"{"a":"x","b":[1,2.5],"c":7,"d":3.0,"e":1e300}"#)
        let wrongType = refusal { _ = try fields.required("a").integer() }
        #expect(wrongType?.description == "a: expected an integer, found a string")
        let elements = try fields.required("b").array()
        #expect(refusal { _ = try elements[1].integer() }?.path == "b[1]")
        #expect(refusal { _ = try fields.required("c").integer(in: 1...5) }?.description == "c: 7 is outside 1...5")
        #expect(try fields.required("d").integer() == 3)
        #expect(refusal { _ = try fields.required("e").integer() }?.kind == .invalidValue)
        #expect(refusal { _ = try fields.required("c").string() }?.problem == "expected a string, found a number")
        #expect(refusal { _ = try fields.required("c").bool() } != nil)
        #expect(refusal { _ = try fields.required("c").object() } != nil)
        #expect(refusal { _ = try fields.required("c").array() } != nil)
        #expect(try fields.required("c").number(in: 0...10) == 7)
    }

    @Test(
        "integers are read from their digits",
        arguments: [
            ("3.0", 3), ("1e3", 1000), ("-0.0", 0), ("0e999999999999999999999", 0), ("12.50e1", 125), ("1200e-2", 12),
            ("9007199254740993.0", 9_007_199_254_740_993), ("9223372036854775807", .max),
            ("9223372036854775807.0", .max),
            ("-9223372036854775808", .min), ("9.223372036854775807e18", .max), ("-9223372036854775808.00", .min),
        ])
    func exactIntegers(_ text: String, _ expected: Int) throws {
        #expect(try JSONField(try JSONParser.parse(text)).integer() == expected)
    }

    @Test(
        "what is no integer is of another type, what does not fit is out of range",
        arguments: [
            ("3.5", JSONError.Kind.wrongType), ("3.0000000000000000001", .wrongType), ("1e-3", .wrongType),
            ("1250e-2", .wrongType), ("9223372036854775808", .invalidValue), ("-9223372036854775809", .invalidValue),
            ("-9223372036854775809.0", .invalidValue), ("1e19", .invalidValue), ("1e300", .invalidValue),
            ("1e-9223372036854775808", .wrongType),
        ])
    func noIntegers(_ text: String, _ kind: JSONError.Kind) throws {
        let field = JSONField(try JSONParser.parse(text), path: "seed")
        let error = refusal { _ = try field.integer() }
        #expect(error?.kind == kind && error?.path == "seed")
    }
}
