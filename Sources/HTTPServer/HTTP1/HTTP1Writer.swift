import HTTPTypes

/// Writes answers as HTTP/1.1 puts them on the wire (RFC 9112 §4, §6, §7), into a buffer of bytes.
enum HTTP1Writer {
    /// How the end of the content will be known.
    enum Framing {
        /// By `Content-Length`.
        case length(Int)
        /// By the chunked coding.
        case chunked
        /// There is none and nothing is said of it: 204, 304, and `HEAD` for a stream; or, to an
        /// HTTP/1.0 client, the content ends with the connection.
        case unsaid
    }

    /// What is said of the connection.
    enum Persistence {
        case unsaid
        case close
        case keepAlive
    }

    /// The status line and the header section. `date` is a line of its own with its CRLF.
    static func head(
        _ response: Response, framing: Framing, persistence: Persistence, date: [UInt8], into output: inout [UInt8]
    ) {
        if let prepared = response.prepared {
            output.append(contentsOf: prepared.http1)
        } else {
            appendFields(response, to: &output)
        }
        output.append(contentsOf: date)
        switch framing {
        case .length(let length):
            output.append(contentsOf: "Content-Length: ".utf8)
            appendDecimal(length, to: &output)
            output.append(contentsOf: "\r\n".utf8)
        case .chunked: output.append(contentsOf: "Transfer-Encoding: chunked\r\n".utf8)
        case .unsaid: break
        }
        switch persistence {
        case .unsaid: break
        case .close: output.append(contentsOf: "Connection: close\r\n".utf8)
        case .keepAlive: output.append(contentsOf: "Connection: keep-alive\r\n".utf8)
        }
        output.append(contentsOf: "\r\n".utf8)
    }

    /// The status line, and the fields that are the answer's own.
    static func appendFields(_ response: Response, to output: inout [UInt8]) {
        output.append(contentsOf: "HTTP/1.1 ".utf8)
        appendDecimal(response.status.code, to: &output)
        output.append(0x20)
        output.append(contentsOf: response.status.reasonPhrase.utf8)
        output.append(contentsOf: "\r\n".utf8)
        for field in response.headerFields where !isReserved(field.name) {
            output.append(contentsOf: field.name.rawName.utf8)
            output.append(contentsOf: ": ".utf8)
            field.withUnsafeBytesOfValue { output.append(contentsOf: $0) }
            output.append(contentsOf: "\r\n".utf8)
        }
    }

    static func appendContinue(to output: inout [UInt8]) {
        output.append(contentsOf: "HTTP/1.1 100 Continue\r\n\r\n".utf8)
    }

    /// One chunk. Nothing at all for no bytes, because an empty chunk is the end.
    static func chunk(_ bytes: [UInt8], into output: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        output.append(contentsOf: String(bytes.count, radix: 16).utf8)
        output.append(contentsOf: "\r\n".utf8)
        output.append(contentsOf: bytes)
        output.append(contentsOf: "\r\n".utf8)
    }

    static func lastChunk(into output: inout [UInt8]) {
        output.append(contentsOf: "0\r\n\r\n".utf8)
    }

    /// Fields that belong to the connection or to framing, which only the server knows.
    static func isReserved(_ name: HTTPField.Name) -> Bool {
        switch name.canonicalName {
        case "date", "connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "te", "trailer",
            "proxy-connection":
            true
        default: false
        }
    }

    private static func appendDecimal(_ number: Int, to output: inout [UInt8]) {
        if number >= 10 { appendDecimal(number / 10, to: &output) }
        output.append(UInt8(ascii: "0") + UInt8(number % 10))
    }
}
