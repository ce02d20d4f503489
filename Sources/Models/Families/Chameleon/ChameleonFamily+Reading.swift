import Checkpoints
import Foundation
import Imaging
import StrictJSON
import Tokenization

extension ChameleonFamily {
    /// Reads a folder's decoder, encoder and vocabulary.
    ///
    /// - Parameters:
    ///   - reader: the folder's `config.json`.
    ///   - format: of the decoder's linear weights. The encoder is float32: a code flips on a hair.
    /// - throws: `CheckpointError` or ``ModelError`` that names the file, field or tensor.
    static func read(
        _ reader: ConfigurationReader, checkpoint: Checkpoint, tokenizer: Tokenizer, directory: URL,
        format: NumberFormat
    ) throws -> (decoder: Decoder, family: ChameleonFamily) {
        let configuration = try ChameleonConfiguration(reader)
        guard tokenizer.vocabularySize <= configuration.decoder.vocabulary else {
            throw ModelError(
                .configuration, at: "tokenizer.json",
                "has ids up to \(tokenizer.vocabularySize - 1), but vocab_size is \(configuration.decoder.vocabulary)")
        }
        let processor = try settings("processor_config.json", in: directory)
        let vocabulary = try ChameleonVocabulary(
            configuration, tokenizer: tokenizer,
            tokenizerSettings: try settings("tokenizer_config.json", in: directory), processorSettings: processor)
        if let length = processor["image_seq_length"], length != .integer(configuration.vq.codesPerImage) {
            throw ModelError(
                .configuration, at: "processor_config.json: image_seq_length",
                "is \(length.text), but the encoder makes \(configuration.vq.codesPerImage) codes")
        }
        let recipe = try recipe(for: configuration.vq, processor: processor, in: directory)
        let tensors = TensorReader(checkpoint)
        let family = ChameleonFamily(
            configuration, vocabulary: vocabulary,
            encoder: try VQEncoder(tensors, configuration.vq, prefix: "model.vqmodel"),
            recipe: recipe, stopTokenIDs: try stopTokens(configuration, in: directory))
        let decoder = Decoder(
            configuration: configuration.decoder,
            weights: try DecoderWeights(tensors, configuration.decoder, tied: configuration.tiedHead, format: format),
            maskedTokenIDs: Array(vocabulary.imageTokenIDs))
        return (decoder, family)
    }

    /// A settings file as an object; an empty one where the folder does not have it.
    private static func settings(_ file: String, in directory: URL) throws -> JSONValue {
        let path = directory.appending(path: file).path
        guard FileManager.default.fileExists(atPath: path) else { return .object(JSONObject()) }
        let value = try ConfigurationReader.parse(path)
        guard case .object = value else { throw ModelError(.configuration, at: file, "must be a JSON object") }
        return value
    }

    /// How pictures are prepared: `preprocessor_config.json`, or `image_processor` in `processor_config.json`, where
    /// newer versions of the library write it.
    private static func recipe(
        for encoder: VQEncoderConfiguration, processor: JSONValue, in directory: URL
    ) throws -> PreprocessingRecipe {
        let file = "preprocessor_config.json"
        let stored = FileManager.default.contents(atPath: directory.appending(path: file).path).map { Array($0) }
        guard let bytes = stored ?? processor["image_processor"]?.bytes else {
            throw ModelError(.configuration, at: file, "is missing: it says how pictures are prepared")
        }
        let recipe: PreprocessingRecipe
        do {
            recipe = try PreprocessingRecipe(json: bytes)
        } catch {
            throw ModelError(.configuration, at: file, error.description)
        }
        // Some picture's shape, the same for all where a crop or an exact size fixes it.
        let size = recipe.outputSize(width: 3 * encoder.resolution, height: 2 * encoder.resolution)
        guard size == (encoder.resolution, encoder.resolution) else {
            throw ModelError(
                .configuration, at: "\(file): crop_size",
                "makes pictures of \(size.width)×\(size.height), but vq_config.resolution is \(encoder.resolution)")
        }
        return recipe
    }

    /// `eos_token_id` of `generation_config.json`, which generation obeys first, else of `config.json`.
    private static func stopTokens(_ configuration: ChameleonConfiguration, in directory: URL) throws -> Set<Int> {
        let path = directory.appending(path: "generation_config.json").path
        guard FileManager.default.fileExists(atPath: path) else { return Set(configuration.endTokenIDs) }
        let reader = try ConfigurationReader(path: path)
        return Set(
            try EndTokens.read(reader, vocabulary: configuration.decoder.vocabulary) ?? configuration.endTokenIDs)
    }
}
