import Tokenization

/// Text and token ids, for the floors above, which see no tokenizer.
extension VisionLanguageModel {
    /// The text of some tokens together; bytes that are no UTF-8 become U+FFFD.
    package func text(of ids: [Int], skippingSpecialTokens: Bool = false) -> String {
        tokenizer.decode(ids, skipSpecialTokens: skippingSpecialTokens)
    }

    /// The tokens of a piece of text, with nothing added at either end.
    ///
    /// - throws: `TokenizationError`.
    package func tokens(of text: String) throws -> [Int] {
        try tokenizer.encode(text, addSpecialTokens: false)
    }
}
