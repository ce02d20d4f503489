package import Numerics

/// The parameters of a decoder. Linear weights are `[out, in]`, as checkpoints store them, in the model's number format;
/// the others are float32.
package struct DecoderWeights: Sendable {
    /// The layer norm of each head that queries or keys pass before rotation, `[heads * headSize]` each.
    package struct HeadNorm: Sendable {
        package let weight: [Float]
        package let bias: [Float]

        package init(weight: [Float], bias: [Float]) {
            self.weight = weight
            self.bias = bias
        }
    }

    /// One layer.
    package struct Layer: Sendable {
        /// `[hidden]`: `input_layernorm`.
        package let attentionNorm: [Float]
        /// `[hidden]`: `post_attention_layernorm`.
        package let feedForwardNorm: [Float]
        /// `[heads * headSize, hidden]`.
        package let query: LinearWeight
        /// `[kvHeads * headSize, hidden]`, as `value`.
        package let key: LinearWeight
        package let value: LinearWeight
        /// `[hidden, heads * headSize]`.
        package let output: LinearWeight
        package let queryNorm: HeadNorm?
        package let keyNorm: HeadNorm?
        /// `[intermediate, hidden]`, as `up`.
        package let gate: LinearWeight
        package let up: LinearWeight
        /// `[hidden, intermediate]`.
        package let down: LinearWeight

        package init(
            attentionNorm: [Float], feedForwardNorm: [Float], query: LinearWeight, key: LinearWeight,
            value: LinearWeight,
            output: LinearWeight, queryNorm: HeadNorm?, keyNorm: HeadNorm?, gate: LinearWeight, up: LinearWeight,
            down: LinearWeight
        ) {
            self.attentionNorm = attentionNorm
            self.feedForwardNorm = feedForwardNorm
            self.query = query
            self.key = key
            self.value = value
            self.output = output
            self.queryNorm = queryNorm
            self.keyNorm = keyNorm
            self.gate = gate
            self.up = up
            self.down = down
        }
    }

    /// `[vocabulary, hidden]`.
    package let embedding: LinearWeight
    package let layers: [Layer]
    /// `[hidden]`.
    package let finalNorm: [Float]
    /// `[vocabulary, hidden]`; shares the embedding's storage where the two are tied.
    package let head: LinearWeight

    /// What the linear weights are stored in.
    var numberFormat: NumberFormat {
        switch head {
        case .float32: .float32
        case .bfloat16: .bfloat16
        }
    }

    package init(embedding: LinearWeight, layers: [Layer], finalNorm: [Float], head: LinearWeight) {
        self.embedding = embedding
        self.layers = layers
        self.finalNorm = finalNorm
        self.head = head
    }
}
