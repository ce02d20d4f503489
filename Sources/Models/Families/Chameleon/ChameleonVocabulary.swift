import Checkpoints
import Foundation
import StrictJSON
import Tokenization

/// The tokens that Chameleon gives a meaning: codes of pictures, and the three around them. All are found by name.
struct ChameleonVocabulary: Sendable {
    /// A token's text and id.
    struct Token: Sendable, Equatable {
        let text: String
        let id: Int
    }

    /// Stands for a part of a picture in text, once a code.
    let placeholder: Token
    /// Before and after a picture.
    let start: Token
    let end: Token
    /// Ends the user's turn in chat mode, where the tokenizer names one (`sep_token`).
    let separator: Token?
    /// The token id of every code.
    let idOfCode: [Int]
    /// All tokens named `IMGIMG…`, which text output leaves out.
    let imageTokenIDs: Set<Int>

    /// - Parameters:
    ///   - tokenizerSettings: `tokenizer_config.json`, an object.
    ///   - processorSettings: `processor_config.json`, an object.
    /// - throws: ``ModelError`` that names the field or the token.
    init(
        _ configuration: ChameleonConfiguration, tokenizer: Tokenizer, tokenizerSettings: JSONValue,
        processorSettings: JSONValue
    ) throws {
        var codes: [Int?] = Array(repeating: nil, count: configuration.vq.codes)
        var imageTokens: Set<Int> = []
        for (name, id) in configuration.vocabulary where name.utf8.starts(with: "IMGIMG".utf8) {
            let field = "vocabulary_map.\(name)"
            guard let code = Self.code(of: name) else {
                throw ModelError(.configuration, at: field, "an image token's name is IMGIMG, letters A to J, then Z")
            }
            guard tokenizer.id(of: name) == id else {
                throw ModelError(
                    .configuration, at: field, "has id \(id), but tokenizer.json \(Self.says(tokenizer.id(of: name)))")
            }
            imageTokens.insert(id)
            guard code < codes.count else { continue }
            guard codes[code] == nil else {
                throw ModelError(.configuration, at: field, "is a second name for code \(code)")
            }
            codes[code] = id
        }
        idOfCode = try codes.enumerated().map { code, id in
            guard let id else {
                throw ModelError(
                    .configuration, at: "vocabulary_map",
                    "has no image token for code \(code), but vq_config.num_embeddings is \(codes.count)")
            }
            return id
        }
        imageTokenIDs = imageTokens

        func token(_ key: String, default fallback: String) throws -> Token {
            try token(key, Self.text(tokenizerSettings[key]) ?? Self.text(processorSettings[key]) ?? fallback)
        }
        func token(_ key: String, _ text: String) throws -> Token {
            guard let id = tokenizer.id(of: text), id < configuration.decoder.vocabulary else {
                throw ModelError(.configuration, at: "tokenizer.json", "has no token \"\(text)\" (\(key))")
            }
            // The reference splices pictures in at the map's own placeholder, so that one must be there.
            let mapped = configuration.vocabulary.first { $0.name.utf8.elementsEqual(text.utf8) }?.value
            guard mapped == id || (mapped == nil && key != "image_token") else {
                throw ModelError(
                    .configuration, at: "vocabulary_map.\(text)",
                    "\(mapped.map { "has id \($0)" } ?? "is missing"), but tokenizer.json says \(id)")
            }
            return Token(text: text, id: id)
        }
        placeholder = try token("image_token", default: "<image>")
        start = try token("boi_token", default: "<racm3:break>")
        end = try token("eoi_token", default: "<eoss>")
        separator = try Self.text(tokenizerSettings["sep_token"]).map { try token("sep_token", $0) }
        guard Set([placeholder.id, start.id, end.id]).count == 3 else {
            throw ModelError(
                .configuration, at: "tokenizer_config.json",
                "image_token, boi_token and eoi_token must be three tokens")
        }
        if let id = configuration.placeholderID, id != placeholder.id {
            throw ModelError(
                .configuration, at: "image_token_id",
                "is \(id), but \"\(placeholder.text)\" has id \(placeholder.id)")
        }
    }

    /// The code in an image token's name: `IMGIMG`, its decimal digits as letters (0 is A), `Z`.
    static func code(of name: String) -> Int? {
        let letters = name.utf8.dropFirst(6)
        guard letters.last == UInt8(ascii: "Z"), letters.count > 1, letters.count < 12 else { return nil }
        var code = 0
        for letter in letters.dropLast() {
            guard (UInt8(ascii: "A")...UInt8(ascii: "J")).contains(letter) else { return nil }
            code = code * 10 + Int(letter - UInt8(ascii: "A"))
        }
        return code
    }

    private static func says(_ id: Int?) -> String { id.map { "says \($0)" } ?? "does not have it" }

    /// A token as the library writes it: its text, or an object around it.
    private static func text(_ value: JSONValue?) -> String? { value?.stringValue ?? value?["content"]?.stringValue }
}
