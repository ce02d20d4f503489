import StrictJSON

/// Turns tokens back into bytes: the `decoder` of `tokenizer.json`.
struct TokenDecoder: Sendable {
    /// Whether tokens are byte strings in ``ByteAlphabet``.
    private(set) var isByteLevel = false
    /// What stands between tokens: a space where the file has no decoder, as in the reference.
    let separator: [UInt8]

    /// Reads the member `decoder`.
    init(_ field: JSONField?) throws {
        separator = field == nil ? [UInt8(ascii: " ")] : []
        if let field { try read(field) }
    }

    private mutating func read(_ field: JSONField) throws {
        let fields = try field.object()
        let type = try fields.required("type")
        switch try type.string() {
        case "ByteLevel":
            isByteLevel = true
            fields.ignore("add_prefix_space", "trim_offsets", "use_regex")
        case "Fuse": break  // All decoders here join their tokens anyway.
        case "Sequence":
            for element in try fields.required("decoders").array() { try read(element) }
        case let name:
            throw type.invalid("the decoder \"\(name)\" is not supported; ByteLevel, Fuse and Sequence are")
        }
        try fields.finish()
    }

    /// The bytes that `token` stands for.
    func bytes(of token: String) -> [UInt8] {
        isByteLevel ? ByteAlphabet.decode(token) : Array(token.utf8)
    }
}

/// Decodes tokens one at a time and gives out only whole characters' encodings.
///
/// A byte-level token may end inside a UTF-8 sequence: those bytes wait for the next token. The pieces together, with
/// ``finish()``, are what ``Tokenizer/decode(_:skipSpecialTokens:)`` gives for all tokens at once.
package struct StreamDecoder {
    private let tokenizer: Tokenizer
    private let skipSpecialTokens: Bool
    private var pending: [UInt8] = []
    private var isFirst = true

    package init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool) {
        self.tokenizer = tokenizer
        self.skipSpecialTokens = skipSpecialTokens
    }

    /// Takes the next token and returns the text that is complete with it, perhaps none.
    package mutating func append(_ id: Int) -> String {
        guard let bytes = tokenizer.bytes(of: id, skipSpecialTokens: skipSpecialTokens) else { return "" }
        if !isFirst { pending += tokenizer.separator }
        isFirst = false
        pending += bytes
        let complete = pending.count - Self.incompleteTail(of: pending)
        let text = String(decoding: pending[..<complete], as: UTF8.self)
        pending.removeFirst(complete)
        return text
    }

    /// What is left at the end: U+FFFD for a sequence that was never completed, mostly nothing.
    package mutating func finish() -> String {
        defer { pending = [] }
        return String(decoding: pending, as: UTF8.self)
    }

    /// The number of bytes at the end of `bytes` that begin a UTF-8 sequence which more bytes could complete.
    private static func incompleteTail(of bytes: [UInt8]) -> Int {
        for length in 1...3 where length <= bytes.count {
            let lead = bytes[bytes.count - length]
            if lead & 0xC0 == 0x80 { continue }
            let needed = lead >= 0xF0 && lead < 0xF5 ? 4 : lead >= 0xE0 && lead < 0xF0 ? 3 : lead >= 0xC2 ? 2 : 1
            guard lead < 0xF5, length < needed else { return 0 }
            // The second byte decides whether the sequence can still become valid (Unicode 17, table 3-7).
            if length >= 2 {
                let second = bytes[bytes.count - length + 1]
                switch lead {
                case 0xE0 where second < 0xA0, 0xED where second > 0x9F: return 0
                case 0xF0 where second < 0x90, 0xF4 where second > 0x8F: return 0
                default: break
                }
            }
            return length
        }
        return 0
    }
}
