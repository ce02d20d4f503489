import Models

/// The bytes that a job's pieces take beside the model.
struct MemoryEstimate {
    /// A clean run that is kept.
    let cleanRun: Int
    /// A prompt's pass with its keys and values, and what is held for its rows.
    let run: Int
    /// The encoding of a picture.
    let encoding: Int

    /// - Parameters:
    ///   - promptTokens: of the longest prompt.
    ///   - generated: the most tokens of a text.
    ///   - heldElements: of captured states that wait for the group's end.
    init(_ model: VisionLanguageModel, promptTokens: Int, generated: Int, heldElements: Int) {
        let shape = model.decoder.configuration
        let position = model.keyValueBytes
        cleanRun = promptTokens * position
        // Eight states of a row are alive at a time, and the three of the feed-forward block; and, where attention is taken head by
        // head, that of as many heads as there are threads.
        let row = 4 * (8 * shape.hidden + 3 * shape.intermediate)
        let attention = 4 * promptTokens * promptTokens * min(NumericKernels.threads, shape.heads)
        // A captured state is there as numbers and as its file; logits, and their copies.
        run =
            (promptTokens + generated) * position + promptTokens * row + attention + 16 * shape.vocabulary
            + 8 * heldElements
        if let encoder = model.vqEncoder?.configuration {
            // Two activations of the first level (``VQEncoder``).
            encoding = 2 * 4 * encoder.resolution * encoder.resolution * encoder.baseChannels
        } else {
            encoding = 0
        }
    }
}

extension VisionLanguageModel {
    /// Bytes of one position's keys and values, over all layers.
    var keyValueBytes: Int {
        let shape = decoder.configuration
        return 2 * (numberFormat == .bfloat16 ? 2 : 4) * shape.layers * shape.kvHeads * shape.headSize
    }
}
