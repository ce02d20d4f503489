import Models
import Testing

@Suite("Prompts and where things are in them") struct PromptTests {
    @Test("a prompt is laid out where the reference says", arguments: Golden.names)
    func layout(name: String) throws {
        let golden = try Golden(name)
        let model = try golden.model()
        let prompt = try model.prompt(golden.prompt, imageCount: 1)
        #expect(prompt.inputIDs == (try golden.integers("input_ids")))
        #expect(prompt.embeddingIDs == prompt.inputIDs)
        #expect(prompt.layout.tokens == prompt.inputIDs.count && prompt.layout.bos == 0)
        let block = try #require(prompt.layout.images.first)
        #expect(prompt.layout.images.count == 1)
        #expect(block.soi == (try golden.position("boi")))
        #expect(block.eoi == (try golden.position("eoi")))
        #expect(block.image.upperBound - 1 == (try golden.position("last_image")))
        #expect(block.breaks.isEmpty && block.gridRows * block.gridColumns == block.image.count)
        #expect(prompt.imageTokenCount == block.image.count)
    }

    @Test("picture tokens take the placeholders' places, in order")
    func several() throws {
        let golden = try Golden("chameleon-tiny")
        let model = try golden.model()
        let images = try ["a", "b"].map { try model.encode(file: golden.picture($0)) }
        let prompt = try model.prompt("One <image><image> two", images: images)
        #expect(prompt.layout.images.count == 2)
        for (block, image) in zip(prompt.layout.images, images) {
            #expect(Array(prompt.embeddingIDs[block.image]) == image.tokenIDs)
            #expect(block.soi == block.image.lowerBound - 1 && block.eoi == block.image.upperBound)
        }
        #expect(prompt.layout.images[1].soi == prompt.layout.images[0].eoi + 1)
        let outside = prompt.inputIDs.indices.filter { at in !prompt.layout.images.contains { $0.image.contains(at) } }
        for position in outside { #expect(prompt.inputIDs[position] == prompt.embeddingIDs[position]) }
    }

    @Test("a prompt needs one placeholder for each image, and says so")
    func counts() throws {
        let model = try Golden("chameleon-tiny").model()
        for (text, images) in [("no picture", 1), ("<image><image>", 1), ("<image>", 0)] {
            let error = #expect(throws: ModelError.self) { try model.prompt(text, imageCount: images) }
            #expect(error?.kind == .prompt)
        }
        let text = try model.prompt("no picture", imageCount: 0)
        #expect(text.layout.images.isEmpty && text.layout.bos == 0)
    }

    @Test("a placeholder is found byte by byte, also before a combining accent")
    func combining() throws {
        let model = try Golden("chameleon-tiny").model()
        let prompt = try model.prompt("<image>\u{301}x", imageCount: 1)
        #expect(prompt.layout.images.count == 1)
        #expect(prompt.expandedText.unicodeScalars.contains("\u{301}"))
    }

    @Test("a beginning-of-sequence token that the text spells out is not taken for the tokenizer's")
    func spelledOut() throws {
        let model = try Golden("chameleon-tiny").model()
        let prompt = try model.prompt("<s>x<image>", imageCount: 1)
        #expect(Array(prompt.inputIDs.prefix(2)) == [0, 0])
        #expect(prompt.layout.bos == 0)
        #expect(prompt.layout.images[0].soi == prompt.layout.images[0].image.lowerBound - 1)
    }

    @Test("a prompt beyond the model's positions is refused")
    func tooLong() throws {
        let model = try Golden("chameleon-tiny").model()
        let error = #expect(throws: ModelError.self) {
            try model.prompt("<image>" + String(repeating: "1", count: 5000), imageCount: 1)
        }
        #expect(error?.kind == .length)
    }
}
