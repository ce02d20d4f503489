import Numerics

extension DecoderWeights {
    /// Reads the tensors of a Llama-style decoder under Hugging Face's names (`model.layers.N…`, `lm_head.weight`).
    ///
    /// - Parameters:
    ///   - tied: whether the head is the embedding. A head of its own must then be equal to it.
    ///   - format: of the linear weights.
    /// - throws: `CheckpointError` or ``ModelError`` that names the tensor.
    init(_ tensors: TensorReader, _ shape: DecoderConfiguration, tied: Bool, format: NumberFormat) throws {
        let embedding = try tensors.linear("model.embed_tokens.weight", shape.vocabulary, shape.hidden, format)
        let headName = "lm_head.weight"
        if tied && !tensors.contains(headName) {
            head = embedding
        } else {
            head = try tensors.linear(headName, shape.vocabulary, shape.hidden, format)
            guard !tied || head == embedding else {
                throw ModelError(
                    .configuration, at: headName,
                    "differs from model.embed_tokens.weight, but config.json says tie_word_embeddings; set it to false")
            }
        }
        self.embedding = embedding
        finalNorm = try tensors.vector("model.norm.weight", shape.hidden)
        layers = try (0..<shape.layers).map { try Layer(tensors, shape, prefix: "model.layers.\($0)", format: format) }
        try tensors.refuseLeftovers(under: "model.layers.", except: ["rotary_emb.inv_freq"])
    }
}

extension DecoderWeights.Layer {
    init(_ tensors: TensorReader, _ shape: DecoderConfiguration, prefix: String, format: NumberFormat) throws {
        func norm(_ name: String, _ heads: Int) throws -> DecoderWeights.HeadNorm? {
            guard shape.qkNorm else { return nil }
            return DecoderWeights.HeadNorm(
                weight: try tensors.floats("\(prefix).self_attn.\(name).weight", [heads, shape.headSize]),
                bias: try tensors.floats("\(prefix).self_attn.\(name).bias", [heads, shape.headSize]))
        }
        func linear(_ name: String, _ rows: Int, _ columns: Int) throws -> LinearWeight {
            try tensors.linear("\(prefix).\(name).weight", rows, columns, format)
        }
        self.init(
            attentionNorm: try tensors.vector("\(prefix).input_layernorm.weight", shape.hidden),
            feedForwardNorm: try tensors.vector("\(prefix).post_attention_layernorm.weight", shape.hidden),
            query: try linear("self_attn.q_proj", shape.queryWidth, shape.hidden),
            key: try linear("self_attn.k_proj", shape.kvWidth, shape.hidden),
            value: try linear("self_attn.v_proj", shape.kvWidth, shape.hidden),
            output: try linear("self_attn.o_proj", shape.hidden, shape.queryWidth),
            queryNorm: try norm("q_norm", shape.heads),
            keyNorm: try norm("k_norm", shape.kvHeads),
            gate: try linear("mlp.gate_proj", shape.intermediate, shape.hidden),
            up: try linear("mlp.up_proj", shape.intermediate, shape.hidden),
            down: try linear("mlp.down_proj", shape.hidden, shape.intermediate))
    }
}
