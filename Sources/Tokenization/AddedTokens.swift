import StrictJSON

/// Tokens that are found in the text before anything else cuts it: the `added_tokens` of `tokenizer.json`.
///
/// The leftmost match wins, and of those the longest. Tokens marked `normalized` are looked for in a second pass,
/// in what the first left over.
struct AddedTokens: Sendable {
    struct Token: Sendable {
        let id: Int
        let content: [UInt8]
        /// Matches only between characters that are no part of a word.
        let singleWord: Bool
        /// Takes the white space on its left, or right, with it.
        let stripsLeft: Bool
        let stripsRight: Bool
        let normalized: Bool
        /// Left out when decoding with `skipSpecialTokens`.
        let special: Bool
    }

    /// A stretch of text: one added token, or text that is still to be cut.
    enum Segment {
        case token(Int)
        case text(ArraySlice<UInt8>)
    }

    let tokens: [Token]
    private let exact: Trie
    private let normalized: Trie

    init(_ tokens: [Token]) {
        self.tokens = tokens
        var exact = Trie()
        var normalized = Trie()
        for (position, token) in tokens.enumerated() where !token.content.isEmpty {
            if token.normalized {
                normalized.insert(token.content, position)
            } else {
                exact.insert(token.content, position)
            }
        }
        self.exact = exact
        self.normalized = normalized
    }

    /// Reads the member `added_tokens`.
    init(_ field: JSONField?) throws {
        var tokens: [Token] = []
        for element in try field?.array() ?? [] {
            let fields = try element.object()
            func flag(_ name: String) throws -> Bool { try fields.optional(name)?.bool() ?? false }
            tokens.append(
                Token(
                    id: try fields.required("id").integer(in: 0...Int(Int32.max)),
                    content: Array(try fields.required("content").string().utf8), singleWord: try flag("single_word"),
                    stripsLeft: try flag("lstrip"), stripsRight: try flag("rstrip"),
                    normalized: try flag("normalized"), special: try flag("special")))
            try fields.finish()
        }
        self.init(tokens)
    }

    /// Cuts `text` at added tokens.
    func segments(of text: ArraySlice<UInt8>) -> [Segment] {
        var segments: [Segment] = []
        for segment in split(text, by: exact) {
            if case .text(let rest) = segment {
                segments.append(contentsOf: split(rest, by: normalized))
            } else {
                segments.append(segment)
            }
        }
        return segments
    }

    private func split(_ text: ArraySlice<UInt8>, by trie: Trie) -> [Segment] {
        if trie.isEmpty { return [.text(text)] }
        var segments: [Segment] = []
        var at = text.startIndex
        var done = text.startIndex
        while at < text.endIndex {
            guard let (end, position) = trie.longestMatch(in: text, at: at) else {
                at += 1
                continue
            }
            let token = tokens[position]
            let range = at..<end
            at = end
            if token.singleWord, !Self.isSingleWord(range, in: text) { continue }
            var start = range.lowerBound
            var stop = range.upperBound
            if token.stripsLeft {
                while start > done {
                    let (scalar, before) = text.scalar(before: start)
                    guard scalar.properties.isWhitespace else { break }
                    start = before
                }
            }
            if token.stripsRight {
                while stop < text.endIndex {
                    let (scalar, next) = text.scalar(at: stop)
                    guard scalar.properties.isWhitespace else { break }
                    stop = next
                }
            }
            if done < start { segments.append(.text(text[done..<start])) }
            segments.append(.token(token.id))
            done = stop
        }
        if done < text.endIndex { segments.append(.text(text[done...])) }
        return segments
    }

    private static func isSingleWord(_ range: Range<Int>, in text: ArraySlice<UInt8>) -> Bool {
        if range.lowerBound > text.startIndex, ScalarClasses.isWord(text.scalar(before: range.lowerBound).scalar) {
            return false
        }
        return range.upperBound == text.endIndex || !ScalarClasses.isWord(text.scalar(at: range.upperBound).scalar)
    }
}

/// Byte strings by their prefixes.
struct Trie: Sendable {
    /// The child of a node under a byte, keyed by `node << 8 | byte`; node 0 is the root.
    private var children: [UInt64: Int] = [:]
    /// What ends at each node; -1 for nothing.
    private var values: [Int] = [-1]
    /// Bytes that begin some string: most positions of a text are settled by this alone.
    private var beginnings = [Bool](repeating: false, count: 256)

    var isEmpty: Bool { values.count == 1 }

    /// Adds `bytes`, not empty, with what it stands for.
    mutating func insert(_ bytes: [UInt8], _ value: Int) {
        var node = 0
        for byte in bytes {
            let key = UInt64(node) << 8 | UInt64(byte)
            if let child = children[key] {
                node = child
            } else {
                let child = values.count
                children[key] = child
                values.append(-1)
                node = child
            }
        }
        values[node] = value
        beginnings[Int(bytes[0])] = true
    }

    /// The longest string that stands at `start`, by its end and value.
    func longestMatch(in text: ArraySlice<UInt8>, at start: Int) -> (end: Int, value: Int)? {
        guard beginnings[Int(text[start])] else { return nil }
        var node = 0
        var found: (end: Int, value: Int)?
        var at = start
        while at < text.endIndex, let child = children[UInt64(node) << 8 | UInt64(text[at])] {
            node = child
            at += 1
            if values[node] >= 0 { found = (at, values[node]) }
        }
        return found
    }
}
