import Foundation
import StrictJSON
import Synchronization

/// A tokenizer as `tokenizer.json` describes it, for byte-level BPE vocabularies.
///
///     text ─► added tokens ─► pre-tokenizer ─► byte-pair model ─► post-processor ─► ids
///
/// The result is that of Hugging Face `tokenizers`, token for token. Text is Unicode scalars and bytes throughout:
/// nothing is normalized, and canonically equivalent texts are different texts.
package final class Tokenizer: Sendable {
    /// The largest `tokenizer.json` accepted, in bytes.
    package static let maximumBytes = 256 << 20
    /// Words up to this length are remembered with their tokens, this many at most.
    private static let cachedWordBytes = 128
    private static let cachedWords = 20_000

    private let added: AddedTokens
    private let preTokenizer: PreTokenizer
    private let model: BytePairModel
    private let postProcessor: PostProcessor
    private let texts: [String?]
    private let decoded: [[UInt8]]
    private let special: [Bool]
    private let ids: [ByteKey: Int]
    private let cache = Mutex<[ByteKey: [Int32]]>([:])

    /// What stands between decoded tokens; mostly nothing.
    let separator: [UInt8]

    /// Reads a `tokenizer.json`.
    ///
    /// - throws: ``TokenizationError`` that names the field.
    package convenience init(json: [UInt8]) throws {
        guard json.count <= Self.maximumBytes else {
            throw TokenizationError(field: "", "has \(json.count) bytes; at most \(Self.maximumBytes) are allowed")
        }
        do {
            try self.init(JSONParser.parse(json))
        } catch let error as JSONError {
            throw TokenizationError(error)
        }
    }

    /// Reads the `tokenizer.json` at `path`.
    package convenience init(path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw TokenizationError(field: "", "\(path) cannot be read")
        }
        try self.init(json: Array(data))
    }

    private init(_ document: JSONValue) throws {
        let fields = try JSONField(document).object()
        // Truncation and padding are a caller's wishes; transformers resets them too.
        fields.ignore("version", "truncation", "padding")
        if let normalizer = fields.optional("normalizer") { try Self.refuse(normalizer: normalizer) }
        added = try AddedTokens(fields.optional("added_tokens"))
        preTokenizer = try PreTokenizer(fields.optional("pre_tokenizer"))
        model = try BytePairModel(fields.required("model"))
        postProcessor = try PostProcessor(fields.optional("post_processor"))
        let decoder = try TokenDecoder(fields.optional("decoder"))
        try fields.finish()

        var names: [Int: String] = [:]
        var ids: [ByteKey: Int] = [:]
        for (key, id) in model.vocabulary {
            names[Int(id)] = String(decoding: key.bytes, as: UTF8.self)
            ids[key] = Int(id)
        }
        for (position, token) in added.tokens.enumerated() {
            let text = String(decoding: token.content, as: UTF8.self)
            let field = "added_tokens[\(position)]"
            if let id = ids.updateValue(token.id, forKey: ByteKey(token.content)), id != token.id {
                throw TokenizationError(field: field, "\"\(text)\" has id \(token.id) here and \(id) elsewhere")
            }
            if let other = names.updateValue(text, forKey: token.id), !other.utf8.elementsEqual(text.utf8) {
                throw TokenizationError(field: field, "id \(token.id) is also that of \"\(other)\"")
            }
        }
        let count = (names.keys.max() ?? -1) + 1
        guard count <= 4 * names.count + 1_000_000 else {
            throw TokenizationError(field: "model.vocab", "the ids go up to \(count - 1), but there are \(names.count)")
        }
        if let id = (postProcessor.prefix + postProcessor.suffix).first(where: { names[$0] == nil }) {
            throw TokenizationError(field: "post_processor", "adds id \(id), which no token has")
        }
        self.ids = ids
        texts = (0..<count).map { names[$0] }
        decoded = texts.map { $0.map(decoder.bytes(of:)) ?? [] }
        var special = [Bool](repeating: false, count: count)
        for token in added.tokens where token.special { special[token.id] = true }
        self.special = special
        separator = decoder.separator
    }

    private static func refuse(normalizer: JSONField) throws {
        let fields = try normalizer.object()
        let type = try fields.required("type")
        if try type.string() == "Sequence", try fields.required("normalizers").array().isEmpty { return }
        throw type.invalid("the normalizer \"\(try type.string())\" is not supported yet; only null is")
    }

    /// The number of ids: one more than the highest.
    package var vocabularySize: Int { texts.count }

    /// The token's text as the vocabulary has it (byte-level stand-ins and all), or `nil` for an id without a token.
    package func token(for id: Int) -> String? { texts.indices.contains(id) ? texts[id] : nil }

    /// The id of the token whose text in the vocabulary is `token`, byte for byte.
    package func id(of token: String) -> Int? { ids[ByteKey(token)] }

    /// Whether `id` is an added token marked special.
    package func isSpecial(_ id: Int) -> Bool { special.indices.contains(id) && special[id] }

    /// The ids of `text`.
    ///
    /// - Parameter addSpecialTokens: whether the post-processor's tokens (BOS) are put around it. Added tokens
    ///   written out in the text are found either way.
    /// - throws: ``TokenizationError`` where an expression of the tokenizer takes too long on this text.
    package func encode(_ text: String, addSpecialTokens: Bool) throws -> [Int] {
        var result = addSpecialTokens ? postProcessor.prefix : []
        for segment in added.segments(of: Array(text.utf8)[...]) {
            switch segment {
            case .token(let id): result.append(id)
            case .text(let text):
                for word in try preTokenizer.words(of: text) {
                    for token in tokens(of: word) { result.append(Int(token)) }
                }
            }
        }
        if addSpecialTokens { result += postProcessor.suffix }
        return result
    }

    private func tokens(of word: ArraySlice<UInt8>) -> [Int32] {
        guard word.count <= Self.cachedWordBytes else { return model.tokens(of: word) }
        let key = ByteKey(word)
        if let known = cache.withLock({ $0[key] }) { return known }
        let tokens = model.tokens(of: word)
        cache.withLock { cache in
            // Emptied when full: text repeats itself enough to fill it again with what matters.
            if cache.count >= Self.cachedWords { cache.removeAll(keepingCapacity: true) }
            cache[key] = tokens
        }
        return tokens
    }

    /// The text of `ids`; what is no valid UTF-8 becomes U+FFFD, and ids without a token are left out.
    package func decode(_ ids: [Int], skipSpecialTokens: Bool) -> String {
        var text: [UInt8] = []
        var isFirst = true
        for id in ids {
            guard let bytes = bytes(of: id, skipSpecialTokens: skipSpecialTokens) else { continue }
            if !isFirst { text += separator }
            isFirst = false
            text += bytes
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of one token; `nil` for an id without a token, and for a special one that is to be left out.
    func bytes(of id: Int, skipSpecialTokens: Bool) -> [UInt8]? {
        guard token(for: id) != nil, !(skipSpecialTokens && special[id]) else { return nil }
        return decoded[id]
    }
}
