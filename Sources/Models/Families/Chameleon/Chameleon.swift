import Checkpoints

package enum Chameleon {
    package static func load(_ directory: String) throws -> (decoder: Decoder, vq: VQEncoder) {
        let configuration = try ChameleonConfiguration(ConfigurationReader(path: directory + "/config.json"))
        let tensors = TensorReader(try Checkpoint(directory: directory))
        let weights = try DecoderWeights(tensors, configuration.decoder, tied: configuration.tiedHead)
        let masked = configuration.vocabulary.filter { $0.name.hasPrefix("IMGIMG") }.map { $0.value }
        return (
            Decoder(configuration: configuration.decoder, weights: weights, maskedTokenIDs: masked),
            try VQEncoder(tensors, configuration.vq, prefix: "model.vqmodel")
        )
    }
}
