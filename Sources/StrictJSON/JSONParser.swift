/// Reads a JSON text (RFC 8259) strictly: valid UTF-8, no duplicate names, bounded depth, nothing after the value.
///
/// Foundation's parser keeps the last of two members of one name and turns large integers into
/// doubles; a safetensors header or a request that relies on either is a mistake that we name.
package struct JSONParser {
    /// The deepest nesting accepted. Recursion follows it, so it also bounds the stack.
    package static let defaultDepth = 64

    private let bytes: UnsafeBufferPointer<UInt8>
    private var at = 0
    private let maximumDepth: Int

    /// The document in `bytes`.
    ///
    /// - throws: ``JSONError`` of kind `malformed`, with the byte offset.
    package static func parse(_ bytes: some Sequence<UInt8>, maximumDepth: Int = defaultDepth) throws(JSONError)
        -> JSONValue
    {
        let contiguous = ContiguousArray(bytes)
        let result: Result<JSONValue, JSONError> = contiguous.withUnsafeBufferPointer { buffer in
            var parser = JSONParser(bytes: buffer, maximumDepth: maximumDepth)
            do throws(JSONError) { return .success(try parser.document()) } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// The document in `text`.
    package static func parse(_ text: String, maximumDepth: Int = defaultDepth) throws(JSONError) -> JSONValue {
        try parse(text.utf8, maximumDepth: maximumDepth)
    }

    private init(bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    private func malformed(_ problem: String) -> JSONError {
        JSONError(.malformed, at: "", "not valid JSON at byte \(at): \(problem)")
    }

    private mutating func document() throws(JSONError) -> JSONValue {
        skipSpace()
        guard at < bytes.count else { throw malformed("the text is empty") }
        let value = try value(depth: 0)
        skipSpace()
        guard at == bytes.count else { throw malformed("something follows the value") }
        return value
    }

    private mutating func skipSpace() {
        while at < bytes.count {
            switch bytes[at] {
            case 0x20, 0x09, 0x0A, 0x0D: at += 1
            default: return
            }
        }
    }

    private func peek() -> UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard depth <= maximumDepth else { throw malformed("nested deeper than \(maximumDepth) levels") }
        switch peek() {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw malformed("the text ends where a value should be")
        default: return try number()
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let length = word.utf8CodeUnitCount
        for offset in 0..<length {
            guard at + offset < bytes.count, bytes[at + offset] == word.utf8Start[offset] else {
                throw malformed("expected a value")
            }
        }
        at += length
        return value
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
        at += 1
        var object = JSONObject()
        skipSpace()
        if peek() == UInt8(ascii: "}") {
            at += 1
            return object
        }
        while true {
            skipSpace()
            guard peek() == UInt8(ascii: "\"") else { throw malformed("expected a member name in quotes") }
            let start = at
            let name = try string()
            skipSpace()
            guard peek() == UInt8(ascii: ":") else { throw malformed("expected ':' after a member name") }
            at += 1
            skipSpace()
            let value = try value(depth: depth + 1)
            guard object.insert(name, value) else {
                at = start
                throw malformed("the name \"\(name)\" appears twice in one object")
            }
            skipSpace()
            switch peek() {
            case UInt8(ascii: ","): at += 1
            case UInt8(ascii: "}"):
                at += 1
                return object
            default: throw malformed("expected ',' or '}' in an object")
            }
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
        at += 1
        var elements: [JSONValue] = []
        skipSpace()
        if peek() == UInt8(ascii: "]") {
            at += 1
            return elements
        }
        while true {
            skipSpace()
            elements.append(try value(depth: depth + 1))
            skipSpace()
            switch peek() {
            case UInt8(ascii: ","): at += 1
            case UInt8(ascii: "]"):
                at += 1
                return elements
            default: throw malformed("expected ',' or ']' in an array")
            }
        }
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = at
        if peek() == UInt8(ascii: "-") { at += 1 }
        guard let first = peek(), isDigit(first) else {
            at = start
            throw malformed("expected a value")
        }
        at += 1
        if first != UInt8(ascii: "0") {
            while let next = peek(), isDigit(next) { at += 1 }
        } else if let next = peek(), isDigit(next) {
            throw malformed("a number may not begin with 0")
        }
        var integral = true
        if peek() == UInt8(ascii: ".") {
            integral = false
            at += 1
            try digits()
        }
        if let next = peek(), next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            integral = false
            at += 1
            if let sign = peek(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { at += 1 }
            try digits()
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if let value = integral ? Int(text) : Self.integer(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else {
            at = start
            throw malformed("the number is out of range")
        }
        return .number(value)
    }

    /// The integer that a number with a fraction or an exponent is, as `3.0` and `1e3` are; `nil` if it is none, or none that
    /// fits 64 bits. From the digits: a `Double` has rounded them.
    private static func integer(_ text: String) -> Int? {
        let halves = text.split(maxSplits: 1) { $0 == "e" || $0 == "E" }
        let parts = halves[0].split(separator: ".")
        let fraction = parts.count > 1 ? parts[1] : ""
        // What most numbers are: a fraction and no exponent.
        if halves.count == 1, fraction.last != "0" { return nil }
        var digits = parts[0] + fraction
        let isNegative = digits.first == "-"
        digits = digits.drop { $0 == "-" || $0 == "0" }
        // Negative zero is a number that no integer is.
        guard !digits.isEmpty else { return isNegative ? nil : 0 }
        guard var exponent = halves.count > 1 ? Int(halves[1]) : 0, exponent.magnitude < text.utf8.count + 64 else {
            return nil
        }
        exponent -= fraction.count
        while exponent < 0, digits.last == "0" {
            digits.removeLast()
            exponent += 1
        }
        guard exponent >= 0, digits.count + exponent <= 19 else { return nil }
        return Int((isNegative ? "-" : "") + digits + String(repeating: "0", count: exponent))
    }

    private mutating func digits() throws(JSONError) {
        guard let first = peek(), isDigit(first) else { throw malformed("expected a digit") }
        while let next = peek(), isDigit(next) { at += 1 }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    private mutating func string() throws(JSONError) -> String {
        at += 1
        let start = at
        // Most strings have no escape: find the end first and decode the run at once.
        while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\"), bytes[at] >= 0x20 {
            at += 1
        }
        if peek() == UInt8(ascii: "\"") {
            let text = try utf8(bytes[start..<at])
            at += 1
            return text
        }
        var decoded = ContiguousArray(bytes[start..<at])
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "\""):
                let text = try utf8(decoded[...])
                at += 1
                return text
            case UInt8(ascii: "\\"):
                at += 1
                decoded.append(contentsOf: try escape())
            case 0..<0x20:
                throw malformed("a control character inside a string must be escaped")
            default:
                decoded.append(byte)
                at += 1
            }
        }
        throw malformed("the text ends inside a string")
    }

    private func utf8(_ run: some Collection<UInt8>) throws(JSONError) -> String {
        guard let text = String(validating: run, as: UTF8.self) else { throw malformed("a string is not valid UTF-8") }
        return text
    }

    private mutating func escape() throws(JSONError) -> [UInt8] {
        guard let byte = peek() else { throw malformed("the text ends inside an escape") }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"):
            var code = try hex()
            if code & 0xFC00 == 0xD800 {
                guard peek() == UInt8(ascii: "\\") else { throw malformed("a surrogate stands alone") }
                at += 1
                guard peek() == UInt8(ascii: "u") else { throw malformed("a surrogate stands alone") }
                at += 1
                let low = try hex()
                guard low & 0xFC00 == 0xDC00 else { throw malformed("a surrogate stands alone") }
                code = 0x10000 + ((code & 0x3FF) << 10) + (low & 0x3FF)
            }
            guard let scalar = Unicode.Scalar(code) else { throw malformed("a surrogate stands alone") }
            return Array(String(Character(scalar)).utf8)
        default: throw malformed("unknown escape")
        }
    }

    private mutating func hex() throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw malformed("\\u takes four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            at += 1
        }
        return code
    }
}
