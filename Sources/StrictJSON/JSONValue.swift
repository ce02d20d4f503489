/// A JSON document (RFC 8259), with integers kept exact and object members kept in order.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// An integer that fits 64 bits, also where it is written with a fraction or an exponent: `3.0`, `1e3`.
    case integer(Int)
    /// Any other number; always finite when it comes from ``JSONParser``.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// The word that an error message uses for this kind of value.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer, .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// A number that may be undefined: what is not finite becomes `null` (docs/api.md, "Numbers").
    package static func finite(_ value: Double?) -> JSONValue {
        guard let value, value.isFinite else { return .null }
        return .number(value)
    }

    /// A number that may be undefined, with the digits of a `Float` rather than those of its `Double` value.
    package static func finite(_ value: Float?) -> JSONValue {
        guard let value, value.isFinite else { return .null }
        return .number(Double(value.description) ?? Double(value))
    }

    /// `null` where there is no string.
    package static func optional(_ value: String?) -> JSONValue {
        value.map { .string($0) } ?? .null
    }

    /// `null` where there is no integer.
    package static func optional(_ value: Int?) -> JSONValue {
        value.map { .integer($0) } ?? .null
    }

    /// The member `name` if this is an object that has it.
    package subscript(name: String) -> JSONValue? {
        guard case .object(let object) = self else { return nil }
        return object[name]
    }

    /// The string, if this is one.
    package var stringValue: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    /// The integer, if this is one.
    package var integerValue: Int? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    /// The number, if this is one.
    package var doubleValue: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// The boolean, if this is one.
    package var boolValue: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// The elements, if this is an array.
    package var arrayValue: [JSONValue]? {
        guard case .array(let value) = self else { return nil }
        return value
    }

    /// The object, if this is one.
    package var objectValue: JSONObject? {
        guard case .object(let value) = self else { return nil }
        return value
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(JSONObject(elements)) }
    package init(nilLiteral: ()) { self = .null }
}

/// The members of a JSON object, in the order they were written.
///
/// Look-up is O(1); names are unique, byte for byte: "é" in one scalar and in two are two names, as a
/// tokenizer's vocabulary needs them to be, although Swift's `String` calls them equal.
package struct JSONObject: Sendable, Equatable {
    package private(set) var names: [String] = []
    package private(set) var values: [JSONValue] = []
    private var index: [ExactName: Int] = [:]

    package init() {}

    package init(_ members: [(String, JSONValue)]) {
        for (name, value) in members { self[name] = value }
    }

    package var count: Int { names.count }

    /// The members as pairs, in order.
    package var members: Zip2Sequence<[String], [JSONValue]> { zip(names, values) }

    package subscript(name: String) -> JSONValue? {
        get { index[ExactName(name)].map { values[$0] } }
        set {
            if let at = index[ExactName(name)] {
                if let newValue {
                    values[at] = newValue
                } else {
                    names.remove(at: at)
                    values.remove(at: at)
                    index = Dictionary(uniqueKeysWithValues: names.enumerated().map { (ExactName($1), $0) })
                }
            } else if let newValue {
                index[ExactName(name)] = names.count
                names.append(name)
                values.append(newValue)
            }
        }
    }

    /// Adds a member unless the name is taken; says whether it was added.
    mutating func insert(_ name: String, _ value: JSONValue) -> Bool {
        let taken = index.updateValue(names.count, forKey: ExactName(name))
        if let taken {
            index[ExactName(name)] = taken
            return false
        }
        names.append(name)
        values.append(value)
        return true
    }

    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.index.count == right.index.count && left.members.allSatisfy { right[$0] == $1 }
    }
}

/// A name compared by its bytes; `String` compares by canonical equivalence.
private struct ExactName: Hashable, Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: ExactName, right: ExactName) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
