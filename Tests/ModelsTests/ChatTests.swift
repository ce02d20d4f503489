import Foundation
import Models
import StrictJSON
import Testing

/// chat.json holds what transformers' ChameleonProcessor makes of messages (Tools/reference/make_chat_golden.py).
@Suite("Chat messages") struct ChatTests {
    @Test(
        "are spelt out and tokenized as the reference's processor does",
        arguments: ["chameleon-tiny", "chameleon-34b-tiny"])
    func reference(name: String) throws {
        let golden = try Golden(name)
        let model = try golden.model()
        let file = try JSONParser.parse(try Data(contentsOf: golden.directory.appending(path: "chat.json")))
        let template = try #require(model.chatTemplate)
        #expect(template == "{message}" + (file["separator"]?.stringValue ?? ""))
        let cases = try #require(file["cases"]?.arrayValue)
        #expect(cases.count >= 5)
        for entry in cases {
            let message = try #require(entry["message"]?.stringValue)
            let chat = try model.prompt(template.replacing("{message}", with: message), imageCount: 1)
            #expect(JSONValue.array(chat.inputIDs.map { .integer($0) }) == entry["input_ids"], "\(message)")
            let text = try model.prompt(message, imageCount: 1)
            #expect(JSONValue.array(text.inputIDs.map { .integer($0) }) == entry["completion_ids"], "\(message)")
            #expect(chat.inputIDs.count == text.inputIDs.count + 1)
        }
    }

    @Test("have no form where the tokenizer names no separator")
    func missing() throws {
        let scratch = try ScratchModel()
        try scratch.edit("tokenizer_config.json", [("sep_token", nil)])
        #expect(try VisionLanguageModel(directory: scratch.directory, name: "silent").chatTemplate == nil)
    }
}
