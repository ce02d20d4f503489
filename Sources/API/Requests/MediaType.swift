/// A `Content-Type` (RFC 9110 §8.3.1): `multipart/form-data; boundary="x"`.
package struct MediaType: Sendable, Equatable {
    /// `type/subtype`, lower case.
    package let essence: String
    /// By name, lower case; values as they stand between their quotes.
    package let parameters: [String: String]

    /// - Returns: `nil` for what is no media type.
    package init?(_ text: String) {
        var pieces = Self.split(text, at: ";")
        let essence = pieces.removeFirst().trimmed.lowercased()
        let halves = essence.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, halves.allSatisfy({ !$0.isEmpty && !$0.contains(" ") }) else { return nil }
        var parameters: [String: String] = [:]
        for piece in pieces {
            guard let equals = piece.firstIndex(of: "=") else { continue }
            let name = piece[..<equals].trimmed.lowercased()
            parameters[name] = Self.unquoted(piece[piece.index(after: equals)...].trimmed)
        }
        self.essence = essence
        self.parameters = parameters
    }

    /// `application/json` and every `+json`.
    var isJSON: Bool { essence == "application/json" || essence.hasSuffix("+json") }

    /// What curl announces for `--data` and `--data-binary`, whatever they send.
    var isURLEncodedForm: Bool { essence == "application/x-www-form-urlencoded" }

    var isMultipartForm: Bool { essence == "multipart/form-data" }

    /// A picture, or bytes of no announced kind.
    var isImageOrBytes: Bool { essence.hasPrefix("image/") || essence == "application/octet-stream" }

    /// The parts of `text` between separators that stand outside quotes; at least one.
    static func split(_ text: String, at separator: Character) -> [String] {
        var pieces = [""]
        var isQuoted = false
        var isEscaped = false
        for character in text {
            if character == separator, !isQuoted {
                pieces.append("")
                continue
            }
            if character == "\"", !isEscaped { isQuoted.toggle() }
            isEscaped = isQuoted && character == "\\" && !isEscaped
            pieces[pieces.count - 1].append(character)
        }
        return pieces
    }

    /// A quoted string without its quotes and escapes, or a token as it is.
    static func unquoted(_ text: String) -> String {
        guard text.count >= 2, text.first == "\"", text.last == "\"" else { return text }
        var value = ""
        var isEscaped = false
        for character in text.dropFirst().dropLast() {
            if character == "\\", !isEscaped {
                isEscaped = true
                continue
            }
            value.append(character)
            isEscaped = false
        }
        return value
    }
}

extension StringProtocol {
    /// Without spaces and tabs at either end.
    var trimmed: String {
        var rest = self[...]
        while let first = rest.first, first == " " || first == "\t" { rest = rest.dropFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest = rest.dropLast() }
        return String(rest)
    }
}
