extension JSONValue {
    /// The document as UTF-8 bytes: members in their order, shortest numbers that read back exactly, `/` unescaped.
    package var bytes: [UInt8] {
        var writer = JSONWriter(pretty: false)
        writer.write(self, indent: 0)
        return writer.bytes
    }

    /// The document as text on one line.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The document with two-space indentation, for people.
    package var prettyText: String {
        var writer = JSONWriter(pretty: true)
        writer.write(self, indent: 0)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// Serialises values; `null` stands for what is not finite, which JSON cannot say.
struct JSONWriter {
    var bytes: [UInt8] = []
    let pretty: Bool

    init(pretty: Bool) { self.pretty = pretty }

    mutating func write(_ value: JSONValue, indent: Int) {
        switch value {
        case .null: put("null")
        case .bool(let flag): put(flag ? "true" : "false")
        case .integer(let integer): put(integer.description)
        case .number(let number): put(number.isFinite ? Self.text(of: number) : "null")
        case .string(let text): string(text)
        case .array(let elements):
            list("[", "]", count: elements.count, indent: indent) { writer, position in
                writer.write(elements[position], indent: indent + 1)
            }
        case .object(let object):
            list("{", "}", count: object.count, indent: indent) { writer, position in
                writer.string(object.names[position])
                writer.put(writer.pretty ? ": " : ":")
                writer.write(object.values[position], indent: indent + 1)
            }
        }
    }

    /// `3` rather than `3.0`, and `1e-05` as Swift writes it: both are JSON numbers. `-0` would be read as an integer, 0.
    private static func text(of number: Double) -> String {
        if number == 0, number.sign == .minus { return "-0.0" }
        let text = number.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private mutating func list(
        _ open: StaticString, _ close: StaticString, count: Int, indent: Int,
        element: (inout JSONWriter, Int) -> Void
    ) {
        put(open)
        for position in 0..<count {
            if position > 0 { put(",") }
            newline(indent + 1)
            element(&self, position)
        }
        if count > 0 { newline(indent) }
        put(close)
    }

    private mutating func newline(_ indent: Int) {
        guard pretty else { return }
        bytes.append(0x0A)
        for _ in 0..<indent { put("  ") }
    }

    private mutating func put(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): put("\\\"")
            case UInt8(ascii: "\\"): put("\\\\")
            case 0x0A: put("\\n")
            case 0x0D: put("\\r")
            case 0x09: put("\\t")
            case 0..<0x20:
                let hex = String(byte, radix: 16)
                put("\\u" + String(repeating: "0", count: 4 - hex.count) + hex)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
