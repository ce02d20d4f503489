/// The parts of a `multipart/form-data` content (RFC 7578, RFC 2046 §5.1).
///
///     --boundary CRLF  header lines CRLF CRLF  content  CRLF --boundary … CRLF --boundary--
///
/// Bounds: ``partLimit`` parts, ``headerLimit`` bytes of header lines in each; contents are bounded by the request's.
/// What stands before the first delimiter and after the last is ignored, as the RFC asks. A part without a name, a
/// transfer encoding and a content that ends early are refused.
package struct MultipartForm: Sendable {
    /// One of them.
    package struct Part: Sendable {
        package let name: String
        let contentType: MediaType?
        package let content: ArraySlice<UInt8>

        /// The content as UTF-8.
        func text() throws(Problem) -> String {
            guard let text = String(validating: content, as: UTF8.self) else {
                throw Problem(.malformedForm, field: name, "the part is no UTF-8 text")
            }
            return text
        }
    }

    static let partLimit = 64
    static let headerLimit = 8 * 1024

    /// In the order of the content; names are unique.
    package let parts: [Part]

    /// - throws: ``Problem`` `malformed_form` that says what the content lacks.
    package init(_ content: [UInt8], type: MediaType) throws(Problem) {
        guard let boundary = type.parameters["boundary"], (1...70).contains(boundary.utf8.count) else {
            throw Problem(
                .malformedForm, "the Content-Type multipart/form-data needs a boundary of 1 to 70 characters")
        }
        var reader = Reader(content, delimiter: Array("\r\n--\(boundary)".utf8))
        try reader.skipPreamble()
        var parts: [Part] = []
        while try reader.startsPart() {
            guard parts.count < Self.partLimit else {
                throw Problem(.malformedForm, "the form has more than \(Self.partLimit) parts")
            }
            let part = try reader.part()
            guard !parts.contains(where: { $0.name == part.name }) else {
                throw Problem(.malformedForm, field: part.name, "the form has two parts of this name")
            }
            parts.append(part)
        }
        self.parts = parts
    }

    /// The part called `name`.
    subscript(name: String) -> Part? { parts.first { $0.name == name } }
}

extension MultipartForm {
    /// Goes through the content once, from delimiter to delimiter.
    private struct Reader {
        private let content: [UInt8]
        private let delimiter: [UInt8]
        /// Behind the delimiter that was found last.
        private var at = 0

        init(_ content: [UInt8], delimiter: [UInt8]) {
            self.content = content
            self.delimiter = delimiter
        }

        /// The first delimiter may stand at the very beginning, without its CRLF.
        mutating func skipPreamble() throws(Problem) {
            if content.starts(with: delimiter.dropFirst(2)) {
                at = delimiter.count - 2
            } else if let first = find(delimiter, from: 0) {
                at = first + delimiter.count
            } else {
                throw Problem(.malformedForm, "the form has no line --boundary as its Content-Type announces")
            }
        }

        /// Reads the rest of a delimiter line: `true` if a part follows, `false` after the last one.
        mutating func startsPart() throws(Problem) -> Bool {
            if content[at...].starts(with: "--".utf8) { return false }
            while at < content.count, content[at] == 0x20 || content[at] == 0x09 { at += 1 }
            guard content[at...].starts(with: "\r\n".utf8) else {
                throw Problem(.malformedForm, "a line with the form's boundary must end with CRLF or --")
            }
            // The line end stays: of a part without header lines it is half of the empty line.
            return true
        }

        mutating func part() throws(Problem) -> Part {
            guard let end = find(Array("\r\n\r\n".utf8), from: at), end - at <= MultipartForm.headerLimit else {
                throw Problem(
                    .malformedForm,
                    "a part's header lines must end with an empty line, within \(MultipartForm.headerLimit) bytes")
            }
            guard let header = String(validating: content[at..<end], as: UTF8.self) else {
                throw Problem(.malformedForm, "a part's header lines must be UTF-8")
            }
            let begin = end + 4
            // The empty line's CRLF may belong to the delimiter: then the content is empty.
            guard let next = find(delimiter, from: begin - 2) else {
                throw Problem(.malformedForm, "the form ends inside a part; its last line must be --boundary--")
            }
            at = next + delimiter.count
            return try Self.part(header, content[begin..<max(begin, next)])
        }

        private static func part(_ header: String, _ content: ArraySlice<UInt8>) throws(Problem) -> Part {
            var name: String?
            var contentType: MediaType?
            for line in header.split(separator: "\r\n") {
                guard let colon = line.firstIndex(of: ":") else {
                    throw Problem(.malformedForm, "the header line \"\(line.prefix(60))\" of a part has no colon")
                }
                let value = line[line.index(after: colon)...].trimmed
                switch line[..<colon].lowercased() {
                case "content-disposition":
                    // Read as a media type is, after giving it the slash that it lacks.
                    let disposition = MediaType("disposition/" + value)
                    guard disposition?.essence == "disposition/form-data" else {
                        throw Problem(.malformedForm, "a part's Content-Disposition must be form-data")
                    }
                    name = disposition?.parameters["name"]
                case "content-type": contentType = MediaType(value)
                case "content-transfer-encoding" where !["binary", "8bit", "7bit"].contains(value.lowercased()):
                    throw Problem(.malformedForm, "parts are sent as they are, without Content-Transfer-Encoding")
                default: break
                }
            }
            guard let name, !name.isEmpty else {
                throw Problem(.malformedForm, "a part needs a name: Content-Disposition: form-data; name=\"image\"")
            }
            return Part(name: name, contentType: contentType, content: content)
        }

        /// Where `pattern` begins next.
        private func find(_ pattern: [UInt8], from start: Int) -> Int? {
            content.withUnsafeBufferPointer { bytes in
                guard let first = pattern.first, bytes.count >= pattern.count else { return nil }
                var at = start
                while at <= bytes.count - pattern.count {
                    if bytes[at] == first, pattern.indices.allSatisfy({ bytes[at + $0] == pattern[$0] }) { return at }
                    at += 1
                }
                return nil
            }
        }
    }
}
