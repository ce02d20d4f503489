package import StrictJSON

/// What a JSON value may be: the part of JSON Schema 2020-12 that describes what our readers take.
///
/// Written down beside the readers, one description a reader; a test holds the two together.
package struct JSONSchema: Sendable, Equatable {
    private var object: JSONObject

    package var json: JSONValue { .object(object) }

    package init(_ members: [(String, JSONValue)]) { object = JSONObject(members) }

    /// Anything.
    package static let anything = JSONSchema([])

    package static func string(
        pattern: String? = nil, count: ClosedRange<Int>? = nil, format: String? = nil
    ) -> JSONSchema {
        var schema = JSONSchema([("type", "string")])
        if let pattern { schema.object["pattern"] = .string(pattern) }
        if let count {
            schema.object["minLength"] = .integer(count.lowerBound)
            schema.object["maxLength"] = .integer(count.upperBound)
        }
        if let format { schema.object["format"] = .string(format) }
        return schema
    }

    /// One of some words.
    package static func choice(_ words: [String]) -> JSONSchema {
        JSONSchema([("type", "string"), ("enum", .array(words.map { .string($0) }))])
    }

    /// One of a type's words.
    package static func choice<Words: RawRepresentable & CaseIterable>(_ type: Words.Type) -> JSONSchema
    where Words.RawValue == String {
        choice(Words.allCases.map(\.rawValue))
    }

    package static func constant(_ word: String) -> JSONSchema { JSONSchema([("const", .string(word))]) }

    package static func integer(in range: ClosedRange<Int> = Int.min...Int.max) -> JSONSchema {
        JSONSchema([
            ("type", "integer"), ("minimum", .integer(range.lowerBound)), ("maximum", .integer(range.upperBound)),
        ])
    }

    package static func number(in range: ClosedRange<Double>? = nil, above: Double? = nil) -> JSONSchema {
        var schema = JSONSchema([("type", "number")])
        if let above { schema.object["exclusiveMinimum"] = .number(above) }
        if let range {
            if above == nil { schema.object["minimum"] = .number(range.lowerBound) }
            schema.object["maximum"] = .number(range.upperBound)
        }
        return schema
    }

    package static let bool = JSONSchema([("type", "boolean")])

    package static func array(of elements: JSONSchema, count: ClosedRange<Int>? = nil) -> JSONSchema {
        var schema = JSONSchema([("type", "array"), ("items", elements.json)])
        if let count {
            schema.object["minItems"] = .integer(count.lowerBound)
            schema.object["maxItems"] = .integer(count.upperBound)
        }
        return schema
    }

    /// An object with these members and no others, as ``JSONFields`` reads it.
    package static func object(_ members: [JSONMember]) -> JSONSchema { object(members, closed: true) }

    /// An object that has these members, as it is answered: there may be more.
    package static func answer(_ members: [JSONMember]) -> JSONSchema { object(members, closed: false) }

    private static func object(_ members: [JSONMember], closed: Bool) -> JSONSchema {
        var schema = JSONSchema([
            ("type", "object"),
            ("properties", .object(JSONObject(members.map { ($0.name, $0.schema.json) }))),
        ])
        let required = members.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { schema.object["required"] = .array(required) }
        if closed { schema.object["additionalProperties"] = false }
        return schema
    }

    /// An object whose members' names are free.
    package static func map(of values: JSONSchema) -> JSONSchema {
        JSONSchema([("type", "object"), ("additionalProperties", values.json)])
    }

    package static func any(of schemas: [JSONSchema]) -> JSONSchema {
        JSONSchema([("anyOf", .array(schemas.map(\.json)))])
    }

    /// One that stands among the components of the description under this name.
    package static func reference(_ name: String) -> JSONSchema {
        JSONSchema([("$ref", .string("#/components/schemas/\(name)"))])
    }

    package func described(_ text: String) -> JSONSchema { with("description", .string(text)) }
    package func defaulting(to value: JSONValue) -> JSONSchema { with("default", value) }
    package func example(_ value: JSONValue) -> JSONSchema { with("examples", [value]) }

    private func with(_ name: String, _ value: JSONValue) -> JSONSchema {
        var schema = self
        schema.object[name] = value
        return schema
    }

    /// The same, or `null`: what a member that may be left out takes.
    package var orNull: JSONSchema {
        var schema = self
        if case .string(let type)? = object["type"] {
            schema.object["type"] = [.string(type), "null"]
            if case .array(let words)? = object["enum"] { schema.object["enum"] = .array(words + [.null]) }
            return schema
        }
        var outer = JSONSchema.any(of: [self, JSONSchema([("type", "null")])])
        for name in ["description", "default"] {
            outer.object[name] = object[name]
        }
        return outer
    }
}

/// A member of an object in a ``JSONSchema``.
package struct JSONMember: Sendable, Equatable {
    package let name: String
    package let schema: JSONSchema
    package let isRequired: Bool

    /// A member that must be there and not `null`.
    package static func required(_ name: String, _ schema: JSONSchema, _ description: String = "") -> JSONMember {
        JSONMember(name: name, schema: described(schema, description), isRequired: true)
    }

    /// A member that may be left out or `null`.
    package static func optional(
        _ name: String, _ schema: JSONSchema, _ description: String = "", default value: JSONValue? = nil
    ) -> JSONMember {
        var schema = described(schema, description)
        if let value { schema = schema.defaulting(to: value) }
        return JSONMember(name: name, schema: schema.orNull, isRequired: false)
    }

    /// A part of a form that may be left out: there is no `null` in forms.
    package static func part(_ name: String, _ schema: JSONSchema, _ description: String = "") -> JSONMember {
        JSONMember(name: name, schema: described(schema, description), isRequired: false)
    }

    /// A member of an answer that is there, and `null` where it has no value.
    package static func nullable(_ name: String, _ schema: JSONSchema, _ description: String = "") -> JSONMember {
        JSONMember(name: name, schema: described(schema.orNull, description), isRequired: true)
    }

    private static func described(_ schema: JSONSchema, _ text: String) -> JSONSchema {
        text.isEmpty ? schema : schema.described(text)
    }
}
