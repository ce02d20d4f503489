import Foundation
import StrictJSON
import Testing
import Tokenization

/// Goldens by Hugging Face `tokenizers`, made by Tools/reference/make_tokenizer_goldens.py. With more `--cases` and
/// `NARROWGATE_TOKENIZER_GOLDENS=FILE` this is the fuzzing run.
@Suite("Parity with the reference tokenizer") struct ReferenceParityTests {
    static let goldens: JSONValue = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Goldens/pipelines.json")
        let override = ProcessInfo.processInfo.environment["NARROWGATE_TOKENIZER_GOLDENS"]
        let data = (try? Data(contentsOf: override.map { URL(fileURLWithPath: $0) } ?? path)) ?? Data()
        return (try? JSONParser.parse(data)) ?? .null
    }()

    static let names: [String] = (goldens["entries"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }

    private func integers(_ value: JSONValue?) -> [Int] { (value?.arrayValue ?? []).compactMap(\.integerValue) }

    private func equal(_ left: String, _ right: String?) -> Bool {
        right.map { left.utf8.elementsEqual($0.utf8) } ?? false
    }

    @Test("ids and texts are those of the reference", arguments: names)
    func matches(name: String) throws {
        let entries = try #require(Self.goldens["entries"]?.arrayValue)
        let entry = try #require(entries.first { $0["name"]?.stringValue == name })
        let tokenizer = try Tokenizer(json: #require(entry["tokenizer"]).bytes)
        for golden in try #require(entry["cases"]?.arrayValue) {
            let text = try #require(golden["text"]?.stringValue)
            let ids = integers(golden["ids_no_special"])
            let encoded = try tokenizer.encode(text, addSpecialTokens: false)
            #expect(encoded == ids, "\(text.debugDescription)")
            #expect(try tokenizer.encode(text, addSpecialTokens: true) == integers(golden["ids"]))
            let decoded = tokenizer.decode(ids, skipSpecialTokens: false)
            #expect(equal(decoded, golden["decoded"]?.stringValue), "\(ids)")
            let bare = tokenizer.decode(ids, skipSpecialTokens: true)
            #expect(equal(bare, golden["decoded_skip_special"]?.stringValue), "\(ids)")
            let shuffled = integers(golden["shuffled"])
            let expected = golden["shuffled_decoded"]?.stringValue
            #expect(equal(tokenizer.decode(shuffled, skipSpecialTokens: false), expected), "\(shuffled)")
            var stream = StreamDecoder(tokenizer, skipSpecialTokens: false)
            let streamed = shuffled.map { stream.append($0) }.joined() + stream.finish()
            #expect(equal(streamed, expected), "\(shuffled), streamed")
        }
    }

    @Test("punctuation and digits are split where the reference splits them, over all of Unicode")
    func classes() throws {
        func tokenizer(_ step: String) throws -> Tokenizer {
            try Tokenizer(
                json: Array(
                    (#"{"pre_tokenizer":\#(step),"decoder":{"type":"Fuse"},"added_tokens":[],"#
                        + #""model":{"type":"BPE","vocab":{"a":0,"?":1},"merges":[],"unk_token":"?","fuse_unk":true}}"#)
                        .utf8))
        }
        // Unknown scalars in one word fuse into one token; a split between them makes two.
        for (member, step) in [
            ("punctuation", #"{"type":"Punctuation"}"#), ("digits", #"{"type":"Digits","individual_digits":true}"#),
        ] where Self.goldens[member] != nil {
            let tokenizer = try tokenizer(step)
            var expected = [Bool](repeating: false, count: 0x11_0000)
            for range in try #require(Self.goldens[member]?.arrayValue).map(integers) {
                for value in range[0]...range[1] { expected[value] = true }
            }
            var wrong: [UInt32] = []
            for value in UInt32(0x80)..<0x11_0000 {
                guard let scalar = Unicode.Scalar(value) else { continue }
                let text = "\u{E000}" + String(Character(scalar))
                let split = try tokenizer.encode(text, addSpecialTokens: false).count > 1
                if split != expected[Int(value)] { wrong.append(value) }
            }
            #expect(wrong.isEmpty)
        }
    }
}
