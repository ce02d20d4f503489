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
        #expect(refusal { _ = try fields.required("e").integer() }?.kind == .wrongType)
        #expect(refusal { _ = try fields.required("c").string() }?.problem == "expected a string, found a number")
        #expect(refusal { _ = try fields.required("c").bool() } != nil)
        #expect(refusal { _ = try fields.required("c").object() } != nil)
        #expect(refusal { _ = try fields.required("c").array() } != nil)
        #expect(try fields.required("c").number(in: 0...10) == 7)
    }
}
