import Tokenization

extension VisionLanguageModel {
    /// Tokenizes a prompt and puts its pictures' tokens in place.
    ///
    /// - Parameter text: contains the family's placeholder as often as there are images, which take their places in
    ///   order. Nothing is added but what the tokenizer itself adds (BOS).
    /// - throws: ``ModelError`` of kind `prompt` or `length`; `TokenizationError`.
    package func prompt(_ text: String, images: [EncodedImage]) throws -> Prompt {
        let prompt = try prompt(text, imageCount: images.count)
        var ids = prompt.inputIDs
        for (block, image) in zip(prompt.layout.images, images) {
            let positions = block.image.filter { !block.breaks.contains($0) }
            guard positions.count == image.tokenIDs.count else {
                throw ModelError(
                    .prompt,
                    "a picture has \(image.tokenIDs.count) tokens where the prompt has room for \(positions.count)")
            }
            for (position, id) in zip(positions, image.tokenIDs) { ids[position] = id }
        }
        return Prompt(
            text: text, expandedText: prompt.expandedText, inputIDs: prompt.inputIDs, embeddingIDs: ids,
            layout: prompt.layout)
    }

    /// Tokenizes a prompt whose pictures are not known yet: `embeddingIDs` keep the placeholders.
    ///
    /// - throws: as ``prompt(_:images:)``.
    package func prompt(_ text: String, imageCount: Int) throws -> Prompt {
        let pieces = text.split(atEach: placeholder)
        guard pieces.count - 1 == imageCount else {
            throw ModelError(
                .prompt,
                "the text has \(pieces.count - 1) placeholders \(placeholder) for \(imageCount) images; "
                    + "it needs one for each")
        }
        let expanded = pieces.joined(separator: parts.imageText)
        let ids = try tokenizer.encode(expanded, addSpecialTokens: true)
        let limit = decoder.configuration.maximumPositions
        guard ids.count <= limit else {
            throw ModelError(.length, "the prompt has \(ids.count) tokens; this model takes \(limit)")
        }
        guard !ids.isEmpty else { throw ModelError(.prompt, "the prompt has no tokens") }
        // Where the text's own tokens begin says whether the tokenizer put one in front. The text may spell out the
        // same token itself, so the latest place at which its tokens fit is the right one.
        let bare = try tokenizer.encode(expanded, addSpecialTokens: false)
        let start = (0...ids.count - bare.count).last { ids[$0..<$0 + bare.count].elementsEqual(bare) }
        let layout = try parts.layout(of: ids, bos: start.map { $0 > 0 } == true ? 0 : nil, images: imageCount)
        return Prompt(text: text, expandedText: expanded, inputIDs: ids, embeddingIDs: ids, layout: layout)
    }
}

extension String {
    /// The pieces between the occurrences of `separator`, compared byte by byte.
    ///
    /// Foundation and the standard library compare characters, so that an accent after the separator would hide it
    /// from them, but not from the tokenizer.
    func split(atEach separator: String) -> [String] {
        let (bytes, needle) = (Array(utf8), Array(separator.utf8))
        guard !needle.isEmpty else { return [self] }
        var pieces: [String] = []
        var (start, at) = (0, 0)
        while at + needle.count <= bytes.count {
            if bytes[at] == needle[0], bytes[at..<at + needle.count].elementsEqual(needle) {
                pieces.append(String(decoding: bytes[start..<at], as: UTF8.self))
                at += needle.count
                start = at
            } else {
                at += 1
            }
        }
        pieces.append(String(decoding: bytes[start...], as: UTF8.self))
        return pieces
    }
}
