import HTTPTypes

/// Which trace a request belongs to (W3C Trace Context, `traceparent`).
///
/// The trace's id is also the request's name in the log, and in `x-request-id`.
struct TraceContext: Sendable, Equatable {
    /// 32 hexadecimal digits, not all 0.
    let trace: String
    /// 16 hexadecimal digits, not all 0: this server's part of the trace.
    let span: String
    /// The caller's part; `nil` where the trace begins here.
    let parent: String?
    /// Two hexadecimal digits: whether the caller records it.
    let flags: String

    /// Goes on with the trace that the fields name, or begins one. A field that is not well-formed is ignored, as the
    /// recommendation asks (§3.2.4).
    init(_ fields: HTTPFields) {
        let given = fields[values: .traceparent]
        let known = given.count == 1 ? Self.parts(given[0]) : nil
        trace = known?.trace ?? Self.random(32)
        parent = known?.span
        flags = known?.flags ?? "00"
        span = Self.random(16)
    }

    /// What the answer carries.
    var text: String { "00-\(trace)-\(span)-\(flags)" }

    private static func parts(_ text: String) -> (trace: String, span: String, flags: String)? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        // Version 00 has four parts; later ones may have more, and begin with the same.
        guard parts.count == 4 || (parts.count > 4 && parts[0] != "00"), parts[0] != "ff",
            zip(parts, [2, 32, 16, 2]).allSatisfy({ $0.utf8.count == $1 && $0.utf8.allSatisfy(isHexadecimal) }),
            parts[1].contains(where: { $0 != "0" }), parts[2].contains(where: { $0 != "0" })
        else { return nil }
        return (trace: String(parts[1]), span: String(parts[2]), flags: String(parts[3]))
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }

    private static func random(_ digits: Int) -> String {
        var text = ""
        while text.utf8.count < digits {
            // Never 0, so that no id is all zeros.
            let word = String(UInt64.random(in: 1 ... .max), radix: 16)
            text += String(repeating: "0", count: 16 - word.utf8.count) + word
        }
        return text
    }
}

extension HTTPField.Name {
    // Tokens, spelled here, so that the initializers cannot fail.
    static let traceparent = Self("traceparent")!
    static let xRequestID = Self("x-request-id")!
}
