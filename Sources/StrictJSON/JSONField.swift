/// One value of a document and where it stands, so that every refusal can name its field.
///
/// Objects are read through ``object(_:)``, which refuses members that nobody asked for:
///
///     let request = try JSONField(value).object()
///     let model = try request.optional("model")?.string()
///     let limit = try request.optional("limit")?.integer(in: 1...1000) ?? 100
///     try request.finish()
package struct JSONField: Sendable {
    package let value: JSONValue
    package let path: String

    package init(_ value: JSONValue, path: String = "") {
        self.value = value
        self.path = path
    }

    /// An error about this field: `problem` says what was found and what would be right.
    package func invalid(_ problem: String, code: String? = nil) -> JSONError {
        JSONError(.invalidValue, at: path, problem, code: code)
    }

    /// An error about this field: its value is of another JSON type than `expected`.
    package func wrongType(_ expected: String) -> JSONError {
        JSONError(.wrongType, at: path, "expected \(expected), found \(value.kind)")
    }

    package var isNull: Bool { value == .null }

    package func string() throws(JSONError) -> String {
        guard case .string(let text) = value else { throw wrongType("a string") }
        return text
    }

    package func bool() throws(JSONError) -> Bool {
        guard case .bool(let flag) = value else { throw wrongType("true or false") }
        return flag
    }

    package func integer() throws(JSONError) -> Int {
        // 3.0 is the integer 3 to most JSON writers, and to our reader; what is a `Double` still was none that fits.
        if case .number(let number) = value, abs(number) >= 0x1p63 {
            throw invalid("the number is outside \(Int.min)...\(Int.max)")
        }
        switch value {
        case .integer(let integer): return integer
        // Negative zero.
        case .number(let number) where number == 0 && number.sign == .minus: return 0
        default: throw wrongType("an integer")
        }
    }

    package func integer(in range: ClosedRange<Int>) throws(JSONError) -> Int {
        let integer = try integer()
        guard range.contains(integer) else {
            throw invalid("\(integer) is outside \(range.lowerBound)...\(range.upperBound)")
        }
        return integer
    }

    package func number() throws(JSONError) -> Double {
        guard let number = value.doubleValue else { throw wrongType("a number") }
        return number
    }

    package func number(in range: ClosedRange<Double>) throws(JSONError) -> Double {
        let number = try number()
        guard range.contains(number) else {
            throw invalid("\(number) is outside \(range.lowerBound)...\(range.upperBound)")
        }
        return number
    }

    /// The elements, each with its own path (`layers[2]`).
    package func array() throws(JSONError) -> [JSONField] {
        guard case .array(let elements) = value else { throw wrongType("an array") }
        return elements.enumerated().map { JSONField($1, path: "\(path)[\($0)]") }
    }

    /// The members; call ``JSONFields/finish()`` when all known ones have been asked for.
    package func object() throws(JSONError) -> JSONFields {
        guard case .object(let object) = value else { throw wrongType("an object") }
        return JSONFields(object, path: path)
    }
}

/// The members of one object while they are being read: remembers which were asked for.
package final class JSONFields {
    package let path: String
    private let object: JSONObject
    private var known: [String] = []

    package init(_ object: JSONObject, path: String = "") {
        self.object = object
        self.path = path
    }

    private func join(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    /// The member, or `nil` where it is absent or `null`.
    package func optional(_ name: String) -> JSONField? {
        if !known.contains(name) { known.append(name) }
        guard let value = object[name], value != .null else { return nil }
        return JSONField(value, path: join(name))
    }

    /// The member; absent or `null` is an error.
    ///
    /// - Parameter problem: what is said where it is absent and no other name looks like it.
    package func required(_ name: String, _ problem: String = "is required") throws(JSONError) -> JSONField {
        guard let field = optional(name) else {
            // A misspelt name is the likelier fault: name what is there rather than what is not.
            for stray in object.names where !known.contains(stray) && Self.isMisspelling(stray, of: name) {
                throw JSONError(.unknownField, at: join(stray), "unknown field; is \"\(name)\" meant?")
            }
            throw JSONError(.missingField, at: join(name), problem)
        }
        return field
    }

    /// Whether `name` differs from `word` by one letter too many, too few or wrong, or by the order of two.
    private static func isMisspelling(_ name: String, of word: String) -> Bool {
        let (a, b) = (Array(name.utf8), Array(word.utf8))
        guard min(a.count, b.count) >= 3, abs(a.count - b.count) <= 1, a != b else { return false }
        let head = zip(a, b).prefix { $0 == $1 }.count
        let tail = zip(a.dropFirst(head).reversed(), b.dropFirst(head).reversed()).prefix { $0 == $1 }.count
        let (restA, restB) = (a.dropFirst(head).dropLast(tail), b.dropFirst(head).dropLast(tail))
        return max(restA.count, restB.count) <= 1 || (restA.count == 2 && restA.reversed().elementsEqual(restB))
    }

    /// Marks members as known without reading them.
    package func ignore(_ names: String...) { known.append(contentsOf: names) }

    /// Refuses members that were never asked for.
    package func finish() throws(JSONError) {
        for name in object.names where !known.contains(name) {
            let allowed =
                known.isEmpty ? "no fields are known here" : "known fields are \(known.joined(separator: ", "))"
            throw JSONError(.unknownField, at: join(name), "unknown field; \(allowed)")
        }
    }
}
