import Checkpoints
package import Foundation
package import Imaging
import Synchronization
package import Tokenization

/// A loaded checkpoint: decoder, tokenizer, and the family's way with pictures and prompts.
///
/// Everything is read and validated at once; what follows only computes. Its weights are immutable, so it may be
/// shared; the engine's thread should be the one that calls ``decoder`` and ``encode(pixelValues:boundary:)``.
package final class VisionLanguageModel: Sendable {
    /// What it is called on the wire: its folder's name.
    package let name: String
    /// The family's name, as `chameleon`.
    package let family: String
    package let directory: URL
    package let decoder: Decoder
    package let tokenizer: Tokenizer
    /// The family's prompts, overridden and extended by the folder's `narrowgate.json`, in order.
    package let presets: [PromptPreset]
    /// What a chat message is spelt out as, `{message}` standing for it; `nil` where the checkpoint has no chat form.
    package var chatTemplate: String? { parts.chatTemplate }
    /// How the messages of a conversation become a prompt: what the folder's `narrowgate.json` says, else the chat form where
    /// the checkpoint has one.
    package let messageForm: MessageForm
    /// Token ids that end generation.
    package let stopTokenIDs: Set<Int>
    /// Token ids that stand for parts of pictures; their logits are masked in text.
    package let imageTokenIDs: Set<Int>
    /// What stands for a picture in a prompt's text, as `<image>`.
    package let placeholder: String
    /// What the decoder's linear weights are stored and multiplied in.
    package let numberFormat: NumberFormat

    let parts: any ModelFamily
    private let checkpoint: Checkpoint
    private let fingerprintCache: URL?
    private let knownFingerprint = Mutex<String?>(nil)

    /// Loads the checkpoint in `directory`.
    ///
    /// - Parameters:
    ///   - name: what it is to be called.
    ///   - fingerprintCache: the file that remembers digests of large files; `nil` remembers nothing.
    ///   - numberFormat: `nil` leaves it to the folder's `narrowgate.json` and the checkpoint.
    /// - throws: `CheckpointError` or ``ModelError`` that names the file, field or tensor.
    package init(directory: URL, name: String, fingerprintCache: URL? = nil, numberFormat: NumberFormat? = nil) throws {
        let reader = try ConfigurationReader(path: directory.appending(path: "config.json").path)
        family = try reader.string("model_type", oneOf: [ChameleonFamily.name])
        checkpoint = try Checkpoint(directory: directory.path)
        do {
            tokenizer = try Tokenizer(path: directory.appending(path: "tokenizer.json").path)
        } catch let error as TokenizationError {
            throw ModelError(.configuration, at: "tokenizer.json", error.description)
        }
        let settings = try FolderSettings(in: directory)
        self.numberFormat = .choose(asked: numberFormat, folder: settings.numberFormat, checkpoint: checkpoint)
        let chameleon = try ChameleonFamily.read(
            reader, checkpoint: checkpoint, tokenizer: tokenizer, directory: directory, format: self.numberFormat)
        (decoder, parts) = (chameleon.decoder, chameleon.family)
        presets = settings.presets(over: parts.presets)
        stopTokenIDs = parts.stopTokenIDs
        imageTokenIDs = parts.imageTokenIDs
        placeholder = parts.placeholder
        messageForm = parts.chatTemplate == nil ? .text : settings.messageForm ?? .chat
        self.name = name
        self.directory = directory
        self.fingerprintCache = fingerprintCache
    }

    /// The number of stored elements, over all tensors.
    package var parameterCount: Int { checkpoint.parameterCount }

    /// The bytes that all tensors take in the checkpoint's files.
    package var byteCount: Int {
        checkpoint.shards.reduce(0) { total, shard in
            total + shard.tensors.reduce(0) { $0 + $1.shape.reduce($1.type.byteCount, *) }
        }
    }

    /// `sha256:` and the digest of configuration, tokenizer, preprocessor and weights.
    ///
    /// The first call may read the whole checkpoint, where the cache does not know its files: not for start-up.
    package func fingerprint() throws -> String {
        if let known = knownFingerprint.withLock({ $0 }) { return known }
        let computed = try checkpoint.fingerprint(cache: DigestCache(path: fingerprintCache?.path))
        knownFingerprint.withLock { $0 = computed }
        return computed
    }

    /// Prepares a picture as the checkpoint's recipe says and encodes it.
    ///
    /// - Parameter boundary: called every so often; throwing abandons the work.
    /// - throws: ``ModelError`` of kind `image`, what `boundary` throws.
    package func encode(_ picture: Picture, boundary: (() throws -> Void)? = nil) throws -> EncodedImage {
        let pixels: [Float]
        do {
            pixels = try parts.pixelValues(of: picture)
        } catch let error as ImagingError {
            throw ModelError(.image, error.description)
        }
        return try encode(pixelValues: pixels, boundary: boundary)
    }

    /// The encoder of a family whose pictures are codes.
    package var vqEncoder: VQEncoder? { (parts as? ChameleonFamily)?.encoder }

    /// The codes and token ids of a normalised picture, `[3, height, width]`.
    ///
    /// - Parameter boundary: called every so often; throwing abandons the work.
    package func encode(pixelValues: [Float], boundary: (() throws -> Void)? = nil) throws -> EncodedImage {
        try parts.encode(pixelValues: pixelValues, boundary: boundary)
    }
}
