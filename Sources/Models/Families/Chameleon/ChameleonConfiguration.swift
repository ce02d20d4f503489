package import Checkpoints
import StrictJSON

/// A Chameleon checkpoint's `config.json`, in either published dialect, with its class's defaults for what it leaves out.
///
/// Field names and defaults are those of transformers' `ChameleonConfig` and `ChameleonVQVAEConfig`. What would change
/// the numbers and is not understood is refused by name.
package struct ChameleonConfiguration: Sendable {
    package let decoder: DecoderConfiguration
    package let vq: VQEncoderConfiguration
    /// Whether the head is the embedding (`tie_word_embeddings`).
    package let tiedHead: Bool
    /// `vocabulary_map`: token strings, unique byte for byte, and their ids.
    package let vocabulary: [(name: String, value: Int)]
    /// `image_token_id`, where the file has it.
    package let placeholderID: Int?
    /// `eos_token_id`, one or several.
    package let endTokenIDs: [Int]

    /// Training, generation and bookkeeping of the transformers library: says nothing about a forward pass.
    private static let bookkeeping = [
        "architectures", "transformers_version", "initializer_range", "use_cache", "_name_or_path", "_commit_hash",
        "torch_dtype", "dtype", "bos_token_id", "pad_token_id", "sep_token_id", "mask_token_id", "auto_map",
        "decoder_start_token_id", "attention_dropout", "return_dict", "output_hidden_states", "output_attentions",
        "torchscript", "is_encoder_decoder", "is_decoder", "chunk_size_feed_forward", "problem_type",
        "task_specific_params", "id2label", "label2id", "finetuning_task", "prefix", "tokenizer_class",
        "use_bfloat16", "tf_legacy_loss", "attn_implementation", "_attn_implementation_autoset",
    ]

    /// Reads a whole `config.json`.
    ///
    /// - throws: `CheckpointError` that names the field.
    package init(_ reader: ConfigurationReader) throws {
        _ = try reader.string("model_type", oneOf: ["chameleon"])
        decoder = try Self.decoder(reader)
        vq = try Self.encoder(
            reader.nested("vq_config") ?? ConfigurationReader(JSONObject(), file: reader.file, path: "vq_config"))
        tiedHead = try reader.bool("tie_word_embeddings", default: false)
        vocabulary = try reader.integerMap("vocabulary_map", in: 0...decoder.vocabulary - 1)
        placeholderID =
            try reader.has("image_token_id")
            ? reader.integer("image_token_id", in: 0...decoder.vocabulary - 1) : nil
        endTokenIDs = try EndTokens.read(reader, vocabulary: decoder.vocabulary) ?? [2]
        for name in Self.bookkeeping { reader.ignore(name) }
        try reader.finish()
    }

    private static func decoder(_ reader: ConfigurationReader) throws -> DecoderConfiguration {
        let hidden = try reader.integer("hidden_size", default: 4096, in: 1...65_536)
        let heads = try reader.integer("num_attention_heads", default: 32, in: 1...1024)
        let kvHeads = try reader.integer("num_key_value_heads", default: 32, in: 1...1024)
        guard hidden % heads == 0, hidden / heads % 2 == 0 else {
            throw reader.invalid(
                "num_attention_heads", "\(heads) must divide hidden_size, \(hidden), into heads of an even size")
        }
        guard heads % kvHeads == 0 else {
            throw reader.invalid("num_key_value_heads", "\(kvHeads) must divide num_attention_heads, \(heads)")
        }
        if reader.has("head_dim") {
            try reader.require(
                "head_dim", toBe: .integer(hidden / heads),
                because: "the reference takes hidden_size / num_attention_heads")
        }
        try reader.require("hidden_act", toBe: "silu", because: "Chameleon's feed-forward blocks are gated by SiLU")
        for name in ["attention_bias", "mlp_bias"] {
            try reader.require(name, toBe: false, because: "published Chameleons have linear layers without bias")
        }
        try reader.require("pretraining_tp", toBe: 1, because: "products are not split")
        // How many ranks trained it: the query and key norms are stored one row a head, so nothing follows from it.
        _ = try reader.integer("model_parallel_size", default: 1, in: 1...1024)
        let rope = try RotarySettings(reader)
        return DecoderConfiguration(
            hidden: hidden,
            intermediate: try reader.integer("intermediate_size", default: 11_008, in: 1...1 << 20),
            layers: try reader.integer("num_hidden_layers", default: 32, in: 1...1024),
            heads: heads, kvHeads: kvHeads, headSize: hidden / heads,
            vocabulary: try reader.integer("vocab_size", default: 65_536, in: 1...1 << 24),
            rmsEpsilon: Float(try reader.number("rms_norm_eps", default: 1e-5, in: 0...1)),
            ropeBase: rope.base, ropeFactor: rope.factor,
            maximumPositions: try reader.integer("max_position_embeddings", default: 4096, in: 1...1 << 20),
            qkNorm: true,
            normPlacement: try reader.bool("swin_norm", default: false) ? .branchOutput : .input)
    }

    private static func encoder(_ reader: ConfigurationReader) throws -> VQEncoderConfiguration {
        // Absent means "vanilla", the class's default; null and "none" mean no attention.
        let isNull = reader.unread.contains("attn_type") && !reader.has("attn_type")
        let types = ["vanilla", "none"]
        let attention = try reader.string("attn_type", default: types[isNull ? 1 : 0], oneOf: types)
        try reader.require(
            "double_latent", toBe: false,
            because: "the reference's own quant_conv takes latent_channels, not twice as many")
        try reader.require("in_channels", toBe: 3, because: "pictures have three colour planes")
        let base = try reader.integer("base_channels", default: 128, in: 1...4096)
        let multipliers = try reader.integers("channel_multiplier", default: [1, 1, 2, 2, 4], in: 1...64)
        guard (1...8).contains(multipliers.count) else {
            throw reader.invalid("channel_multiplier", "must have 1 to 8 elements, one a level")
        }
        for multiplier in [1] + multipliers where base * multiplier % VQEncoderConfiguration.groups != 0 {
            throw reader.invalid(
                "base_channels",
                "\(base) · \(multiplier) channels do not divide into \(VQEncoderConfiguration.groups) groups")
        }
        let resolution = try reader.integer("resolution", default: 512, in: 1...2048)
        guard resolution >> (multipliers.count - 1) > 0 else {
            throw reader.invalid("resolution", "\(resolution) cannot be halved \(multipliers.count - 1) times")
        }
        let shape = VQEncoderConfiguration(
            resolution: resolution, planes: 3, baseChannels: base, multipliers: multipliers,
            blocksPerLevel: try reader.integer("num_res_blocks", default: 2, in: 1...16),
            attentionResolutions: try reader.integers("attn_resolutions", default: [], in: 1...1 << 16),
            attention: attention == "vanilla",
            latentChannels: try reader.integer("latent_channels", default: 256, in: 1...65_536),
            codeWidth: try reader.integer("embed_dim", default: 256, in: 1...65_536),
            codes: try reader.integer("num_embeddings", default: 8192, in: 1...1 << 20))
        for name in Self.bookkeeping + ["model_type", "dropout", "beta"] { reader.ignore(name) }
        try reader.finish()
        return shape
    }
}
