import StrictJSON
import Testing
import Tokenization

@Suite("Tokenizers") struct TokenizerTests {
    /// A tokenizer.json with a few tokens, `changes` merged over its members.
    private func document(_ changes: [String: JSONValue] = [:], model: [String: JSONValue] = [:]) -> JSONValue {
        var fields: JSONObject = JSONObject([
            ("type", "BPE"), ("vocab", ["a": 0, "b": 1, "ab": 2, "\u{E9}": 3, "e\u{301}": 4, "e": 5, "\u{301}": 6]),
            ("merges", ["a b", ["e", "\u{301}"]]),
        ])
        for (name, value) in model { fields[name] = value }
        var document = JSONObject([("model", .object(fields)), ("decoder", ["type": "Fuse"])])
        for (name, value) in changes { document[name] = value }
        return .object(document)
    }

    private func refusal(_ document: JSONValue) -> String {
        do {
            _ = try Tokenizer(json: document.bytes)
            return "accepted"
        } catch { return "\(error)" }
    }

    @Test("canonically equivalent texts are different tokens")
    func exactTexts() throws {
        let tokenizer = try Tokenizer(json: document().bytes)
        #expect(tokenizer.vocabularySize == 7)
        #expect(tokenizer.id(of: "\u{E9}") == 3)
        #expect(tokenizer.id(of: "e\u{301}") == 4)
        #expect(try tokenizer.encode("\u{E9}e\u{301}ab", addSpecialTokens: true) == [3, 4, 2])
        #expect(tokenizer.token(for: 7) == nil && tokenizer.token(for: -1) == nil)
        #expect(tokenizer.decode([2, 99, -5, 0], skipSpecialTokens: true) == "aba")
        #expect(!tokenizer.isSpecial(2) && !tokenizer.isSpecial(-1) && !tokenizer.isSpecial(700))
    }

    @Test("files that contradict themselves or ask for what is not there are refused by field")
    func refusals() {
        #expect(refusal(document()) == "accepted")
        #expect(refusal(document(model: ["merges": ["a x"]])).contains("model.merges[0]"))
        #expect(refusal(document(model: ["merges": ["a  b"]])).contains("model.merges[0]"))
        #expect(refusal(document(model: ["merges": ["b a"]])).contains("union"))
        #expect(refusal(document(model: ["vocab": ["a": 0, "b": 0], "merges": []])).contains("id 0 is also that of"))
        #expect(refusal(document(model: ["vocab": ["a": -1], "merges": []])).contains("model.vocab.a"))
        #expect(refusal(document(model: ["vocab": ["a": 2_000_000_000], "merges": []])).contains("ids go up to"))
        #expect(refusal(document(model: ["byte_fallback": true])).contains("model.byte_fallback"))
        #expect(refusal(document(model: ["dropout": 0.1])).contains("model.dropout"))
        #expect(refusal(document(model: ["unk_token": "?"])).contains("model.unk_token"))
        #expect(refusal(document(model: ["type": "Unigram"])).contains("Unigram"))
        #expect(refusal(document(model: ["extra": 1])).contains("model.extra: unknown field"))
        #expect(refusal(document(["normalizer": ["type": "NFC"]])).contains("NFC"))
        #expect(refusal(document(["pre_tokenizer": ["type": "Metaspace"]])).contains("Metaspace"))
        #expect(refusal(document(["decoder": ["type": "WordPiece"]])).contains("WordPiece"))
        #expect(refusal(document(["post_processor": ["type": "BertProcessing"]])).contains("BertProcessing"))
        let token: JSONValue = ["id": 9, "content": "a"]
        #expect(refusal(document(["added_tokens": [token]])).contains("\"a\" has id 9 here and 0 elsewhere"))
        let taken: JSONValue = ["id": 0, "content": "<s>"]
        #expect(refusal(document(["added_tokens": [taken]])).contains("id 0 is also that of \"a\""))
        #expect(refusal([1]).contains("expected an object"))
        #expect(refusal(document(["model": nil])).contains("model: is required"))
    }

    @Test(
        "expressions that are invalid or mean something else here are refused by name",
        arguments: ["(", "[a", "a{2,1}", "\\h", "[a[bc]]", "[a&&b]", "(?m).", "\\p{Nope}"])
    func badPatterns(expression: String) {
        let step: JSONValue = ["type": "Split", "pattern": ["Regex": .string(expression)], "behavior": "Isolated"]
        let refusal = refusal(document(["pre_tokenizer": step]))
        let words = "pre_tokenizer.pattern.Regex: the regular expression \"\(expression)\""
        #expect(refusal.hasPrefix(words), "\(refusal)")
    }

    @Test("an expression that would take for ever on a text is an error")
    func boundedMatching() throws {
        let step: JSONValue = ["type": "Split", "pattern": ["Regex": "(a+)+[bc]"], "behavior": "Isolated"]
        let tokenizer = try Tokenizer(json: document(["pre_tokenizer": step]).bytes)
        #expect(throws: TokenizationError.self) {
            try tokenizer.encode(String(repeating: "a", count: 60), addSpecialTokens: false)
        }
    }

    @Test("a word of a hundred thousand characters is merged like any other")
    func longWord() throws {
        let tokenizer = try Tokenizer(json: document().bytes)
        let ids = try tokenizer.encode(String(repeating: "ab", count: 50_000), addSpecialTokens: false)
        #expect(ids == [Int](repeating: 2, count: 50_000))
    }

    @Test("streamed text waits for whole characters and ends with what is left")
    func streaming() throws {
        // 你 is E4 BD A0, written by three byte tokens.
        let vocabulary: JSONValue = ["\u{E4}": 0, "\u{BD}": 1, "\u{142}": 2, "a": 3, "<s>": 4]
        let special: JSONValue = ["id": 4, "content": "<s>", "special": true]
        let tokenizer = try Tokenizer(
            json: document(
                ["decoder": ["type": "ByteLevel"], "added_tokens": [special]],
                model: ["vocab": vocabulary, "merges": []]
            ).bytes)
        var stream = StreamDecoder(tokenizer, skipSpecialTokens: true)
        #expect([4, 0, 1, 2, 3, 0, 1].map { stream.append($0) } == ["", "", "", "你", "a", "", ""])
        #expect(stream.finish() == "\u{FFFD}")
        #expect(tokenizer.decode([4, 0, 3, 0, 1], skipSpecialTokens: false) == "<s>\u{FFFD}a\u{FFFD}")
    }
}
