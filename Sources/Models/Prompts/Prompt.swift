/// One prompt, tokenized and laid out; with its pictures' tokens in place if it was made with pictures.
package struct Prompt: Sendable, Equatable {
    /// As given, with the family's placeholder where pictures go.
    package let text: String
    /// With every placeholder spelt out as the family's block of tokens: what the tokenizer saw.
    package let expandedText: String
    /// Token ids as Hugging Face has them: placeholders at image positions.
    package let inputIDs: [Int]
    /// What the decoder embeds: image tokens in place of placeholders, where pictures were given.
    package let embeddingIDs: [Int]
    package let layout: PromptLayout

    package init(
        text: String, expandedText: String, inputIDs: [Int], embeddingIDs: [Int], layout: PromptLayout
    ) {
        self.text = text
        self.expandedText = expandedText
        self.inputIDs = inputIDs
        self.embeddingIDs = embeddingIDs
        self.layout = layout
    }

    /// Image tokens in the prompt, over all pictures, row breaks not counted.
    package var imageTokenCount: Int { layout.images.reduce(0) { $0 + $1.gridRows * $1.gridColumns } }
}

/// One picture as a VQ family's decoder sees it.
package struct EncodedImage: Sendable, Equatable {
    /// The normalised picture, `[3, height, width]`.
    package let pixelValues: [Float]
    package let height: Int
    package let width: Int
    /// Codebook indices in raster order.
    package let codes: [Int]
    /// The codes' token ids, in the same order.
    package let tokenIDs: [Int]

    package init(pixelValues: [Float], height: Int, width: Int, codes: [Int], tokenIDs: [Int]) {
        self.pixelValues = pixelValues
        self.height = height
        self.width = width
        self.codes = codes
        self.tokenIDs = tokenIDs
    }
}

/// A prompt that a family or a checkpoint folder has a name for.
package struct PromptPreset: Sendable, Equatable {
    package let name: String
    /// With the placeholder, and `{question}` where the caller's question goes.
    package let text: String

    package init(name: String, text: String) {
        self.name = name
        self.text = text
    }
}
