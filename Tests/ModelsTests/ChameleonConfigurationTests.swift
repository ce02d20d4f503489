import Checkpoints
import Models
import StrictJSON
import Testing

@Suite("Chameleon's config.json") struct ChameleonConfigurationTests {
    private func read(_ members: [(String, JSONValue)]) throws -> ChameleonConfiguration {
        let all = [("model_type", "chameleon"), ("vocabulary_map", ["a": 1])] + members
        return try ChameleonConfiguration(ConfigurationReader(JSONObject(all), file: "config.json"))
    }

    @Test("what the file leaves out has the class's defaults, which are the 7B's values")
    func defaults() throws {
        let configuration = try read([])
        #expect(
            configuration.decoder
                == DecoderConfiguration(
                    hidden: 4096, intermediate: 11_008, layers: 32, heads: 32, kvHeads: 32, headSize: 128,
                    vocabulary: 65_536, rmsEpsilon: 1e-5, ropeBase: 10_000, maximumPositions: 4096, qkNorm: true,
                    normPlacement: .input))
        #expect(
            configuration.vq
                == VQEncoderConfiguration(
                    resolution: 512, planes: 3, baseChannels: 128, multipliers: [1, 1, 2, 2, 4], blocksPerLevel: 2,
                    attentionResolutions: [], attention: true, latentChannels: 256, codeWidth: 256, codes: 8192))
        #expect(configuration.vq.codesPerImage == 1024)
        #expect(configuration.endTokenIDs == [2])
        #expect(!configuration.tiedHead)
    }

    @Test("the 30B's switches are understood, and members that are null have their defaults")
    func large() throws {
        let configuration = try read([
            ("hidden_size", 8192), ("num_attention_heads", 64), ("num_key_value_heads", 8), ("swin_norm", true),
            ("model_parallel_size", 4), ("rope_scaling", nil), ("attention_bias", nil), ("vq_config", nil),
        ])
        #expect(configuration.decoder.normPlacement == .branchOutput)
        #expect(configuration.decoder.kvHeads == 8)
        #expect(configuration.decoder.headSize == 128)
    }

    @Test("both dialects of the rotary embedding say the same")
    func dialects() throws {
        let old = try read([("rope_theta", 5000.0), ("rope_scaling", nil), ("torch_dtype", "bfloat16")])
        let new = try read([
            ("rope_parameters", ["rope_theta": 5000.0, "rope_type": "default"]), ("dtype", "bfloat16"),
        ])
        #expect(old.decoder == new.decoder)
        #expect(old.decoder.ropeBase == 5000)
        let scaled = try read([("rope_scaling", ["type": "linear", "factor": 2.0])])
        #expect(scaled.decoder.ropeFactor == 2)
        let newer = try read([("rope_parameters", ["rope_theta": 1e4, "rope_type": "linear", "factor": 2.0])])
        #expect(newer.decoder == scaled.decoder)
    }

    @Test("end tokens are one id, a list or none")
    func endTokens() throws {
        #expect(try read([("eos_token_id", [2, 71])]).endTokenIDs == [2, 71])
        #expect(try read([("eos_token_id", 9)]).endTokenIDs == [9])
    }

    @Test("an encoder's attention can be absent, null or at chosen resolutions")
    func attention() throws {
        #expect(try read([("vq_config", ["attn_type": nil])]).vq.attention == false)
        #expect(try read([("vq_config", ["attn_type": "none"])]).vq.attention == false)
        let chosen = try read([("vq_config", ["attn_resolutions": [32, 64]])])
        #expect(chosen.vq.attention && chosen.vq.attentionResolutions == [32, 64])
    }

    @Test(
        "what would change the numbers and is not understood is refused by field",
        arguments: [
            ("attention_bias", true, "attention_bias"),
            ("mlp_bias", true, "mlp_bias"),
            ("hidden_act", "gelu", "hidden_act"),
            ("model_type", "llama", "model_type"),
            ("num_attention_heads", 33, "num_attention_heads"),
            ("num_key_value_heads", 5, "num_key_value_heads"),
            ("hidden_size", 4095, "num_attention_heads"),
            ("hidden_size", 0, "hidden_size"),
            ("hidden_size", "4096", "hidden_size"),
            ("head_dim", 64, "head_dim"),
            ("rms_norm_eps", -1, "rms_norm_eps"),
            ("rope_theta", 0, "rope_theta"),
            ("rope_scaling", ["type": "yarn", "factor": 2], "rope_scaling.type"),
            ("rope_scaling", ["rope_type": "linear"], "rope_scaling.factor"),
            ("rope_scaling", ["type": "linear", "factor": 2, "low_freq_factor": 1], "rope_scaling.low_freq_factor"),
            ("rope_parameters", ["rope_type": "llama3"], "rope_parameters.rope_type"),
            ("rope_parameters", ["rope_theta": 1e4, "partial_rotary_factor": 0.5], "partial_rotary_factor"),
            ("sliding_window", 4096, "sliding_window"),
            ("eos_token_id", 65_536, "eos_token_id"),
            ("eos_token_id", "</s>", "eos_token_id"),
            ("vocabulary_map", nil, "vocabulary_map"),
            ("vocabulary_map", ["a": 65_536], "vocabulary_map.a"),
            ("pretraining_tp", 2, "pretraining_tp"),
            ("vq_config", ["double_latent": true], "vq_config.double_latent"),
            ("vq_config", ["in_channels": 1], "vq_config.in_channels"),
            ("vq_config", ["base_channels": 100], "vq_config.base_channels"),
            ("vq_config", ["channel_multiplier": []], "vq_config.channel_multiplier"),
            ("vq_config", ["resolution": 15], "vq_config.resolution"),
            ("vq_config", ["attn_type": "linear"], "vq_config.attn_type"),
            ("vq_config", ["ch_mult": [1]], "vq_config.ch_mult"),
            ("vq_config", 7, "vq_config"),
        ] as [(String, JSONValue, String)])
    func refused(name: String, value: JSONValue, field: String) throws {
        var object = JSONObject([("model_type", "chameleon"), ("vocabulary_map", ["a": 1])])
        object[name] = value
        let error = #expect(throws: CheckpointError.self) {
            try ChameleonConfiguration(ConfigurationReader(object, file: "config.json"))
        }
        #expect(error?.description.contains(field) == true, "\(error.map(\.description) ?? "nothing") names \(field)")
    }

    @Test("two dialects that contradict each other are refused")
    func contradiction() throws {
        #expect(throws: CheckpointError.self) {
            try read([("rope_theta", 1e4), ("rope_parameters", ["rope_theta": 1e6, "rope_type": "default"])])
        }
        #expect(throws: CheckpointError.self) {
            try read([
                ("rope_scaling", ["type": "linear", "factor": 2]), ("rope_parameters", ["rope_type": "default"]),
            ])
        }
    }
}
