import Foundation
import Imaging

/// What a family adds to the decoder that all share: its pictures, its prompts and where things are in them.
protocol ModelFamily: Sendable {
    /// The family's name on the wire, as `chameleon`.
    static var name: String { get }
    /// What stands for a picture in a prompt's text.
    var placeholder: String { get }
    /// Token ids that stand for parts of pictures and never for text.
    var imageTokenIDs: Set<Int> { get }
    /// Token ids that end generation.
    var stopTokenIDs: Set<Int> { get }
    var presets: [PromptPreset] { get }
    /// What a chat message is spelt out as, `{message}` standing for it; `nil` where the checkpoint has no chat form.
    var chatTemplate: String? { get }

    /// What the placeholder of one picture is spelt out as before tokenizing.
    var imageText: String { get }

    /// Finds the pictures of a tokenized prompt.
    ///
    /// - throws: ``ModelError`` of kind `prompt` where the tokens are not those of `images` whole pictures.
    func layout(of ids: [Int], bos: Int?, images: Int) throws -> PromptLayout

    /// The normalised pixels of a picture, `[3, height, width]`.
    ///
    /// - throws: `ImagingError` where the picture cannot be scaled within the limits.
    func pixelValues(of picture: Picture) throws -> [Float]

    /// The codes and tokens of a normalised picture, `[3, height, width]`.
    ///
    /// - Parameter boundary: called every so often; throwing abandons the work.
    func encode(pixelValues: [Float], boundary: (() throws -> Void)?) throws -> EncodedImage
}
