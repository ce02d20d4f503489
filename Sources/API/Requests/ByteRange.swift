import HTTPTypes

/// What part of a representation is asked for (`Range`, RFC 9110 §14.2).
package enum ByteRange: Equatable, Sendable {
    /// No range, or one that the server may and does ignore: another unit, several ranges, not well-formed.
    case whole
    /// What is there of it, never empty.
    case part(Range<Int>)
    /// Well-formed, but nothing of it is there.
    case unsatisfiable

    /// - Parameters:
    ///   - text: the value of `Range`.
    ///   - count: the representation's length in bytes.
    package init(_ text: String?, of count: Int) {
        self = .whole
        guard let text, let equals = text.firstIndex(of: "="), text[..<equals].trimmed.lowercased() == "bytes" else {
            return
        }
        let specification = text[text.index(after: equals)...].trimmed
        guard let dash = specification.firstIndex(of: "-") else { return }
        let (head, tail) = (specification[..<dash], specification[specification.index(after: dash)...])
        let (first, last) = (Self.number(head), Self.number(tail))
        switch (head.isEmpty, tail.isEmpty) {
        case (false, true):
            guard let first else { return }
            self = first < count ? .part(first..<count) : .unsatisfiable
        case (false, false):
            guard let first, let last, first <= last else { return }
            self = first < count ? .part(first..<min(last, count - 1) + 1) : .unsatisfiable
        case (true, false):
            // The last bytes, as many as there are.
            guard let last else { return }
            self = last > 0 && count > 0 ? .part(count - min(last, count)..<count) : .unsatisfiable
        case (true, true): return
        }
    }

    /// Digits and nothing else; what is beyond all lengths is the largest.
    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text) ?? .max
    }
}

/// An entity tag list as `If-None-Match` has it (RFC 9110 §13.1.2).
enum EntityTags {
    /// Whether `text` names `tag`, or any at all by `*`; weak and strong tags are compared alike.
    static func list(_ text: String, names tag: String) -> Bool {
        MediaType.split(text, at: ",").map(\.trimmed).contains { candidate in
            candidate == "*" || opaque(candidate) == opaque(tag)
        }
    }

    /// The same by the strong comparison, as `If-Match` has it: a weak tag is equal to none.
    static func list(_ text: String, are tag: String) -> Bool {
        MediaType.split(text, at: ",").map(\.trimmed).contains { candidate in
            candidate == "*" || (candidate == tag && !tag.hasPrefix("W/"))
        }
    }

    /// A weak tag made of a digest.
    static func weak(_ digest: String) -> String { "W/\"\(digest.suffix(64).prefix(32))\"" }

    private static func opaque(_ tag: String) -> Substring { tag.hasPrefix("W/") ? tag.dropFirst(2) : tag[...] }
}
