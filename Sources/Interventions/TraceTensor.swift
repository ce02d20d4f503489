import Models

/// The tensors of a trace, by their names in the file (docs/cli.md, "Traces"; the reference generator's README).
package enum TraceTensor: String, CaseIterable, Sendable {
    /// Token ids as Hugging Face has them, placeholders at image positions: int32 `[T]`.
    case inputIDs = "input_ids"
    /// The normalised picture: float32 `[1, 3, height, width]`.
    case pixelValues = "pixel_values"
    /// Codebook indices in raster order: int32 `[codes]`.
    case codes = "vq.codes"
    /// The token ids of the codes: int32 `[codes]`.
    case codeTokenIDs = "vq.token_ids"
    /// The residual stream: `[L + 1, T, H]`; `resid[l]` enters layer l, `resid[L]` leaves the last one, before the final norm.
    case residualStream = "resid"
    /// Attention weights after softmax: `[L, heads, T, T]`, with the cuts of modes `zero` and `mask`; `value` cuts values.
    case attention = "attn"
    /// What the attention block adds, before a branch norm: `[L, T, H]`.
    case attentionOutput = "attn_out"
    /// What the feed-forward block adds, before a branch norm: `[L, T, H]`.
    case feedForwardOutput = "mlp_out"
    /// The head's input: `[T, H]`.
    case finalNorm = "final_norm"
    /// `[T, V]`; image tokens at −3.4028235e38.
    case logits
    /// Greedy tokens after the prompt, run through end-of-sequence: int32 `[N]`.
    case generatedIDs = "generated_ids"

    /// Whether the elements are int32 rather than float32.
    package var isInteger: Bool {
        switch self {
        case .inputIDs, .codes, .codeTokenIDs, .generatedIDs: true
        default: false
        }
    }

    /// The shape that the tensor has.
    ///
    /// - Parameters:
    ///   - shape: the decoder's.
    ///   - prompt: its tokens are T.
    ///   - image: the picture that the prompt shows.
    ///   - generated: how many tokens are generated.
    func shape(_ shape: DecoderConfiguration, prompt: Prompt, image: EncodedImage, generated: Int) -> [Int] {
        let tokens = prompt.inputIDs.count
        return switch self {
        case .inputIDs: [tokens]
        case .pixelValues: [1, 3, image.height, image.width]
        case .codes: [image.codes.count]
        case .codeTokenIDs: [image.tokenIDs.count]
        case .residualStream: [shape.layers + 1, tokens, shape.hidden]
        case .attention: [shape.layers, shape.heads, tokens, tokens]
        case .attentionOutput, .feedForwardOutput: [shape.layers, tokens, shape.hidden]
        case .finalNorm: [tokens, shape.hidden]
        case .logits: [tokens, shape.vocabulary]
        case .generatedIDs: [generated]
        }
    }
}
