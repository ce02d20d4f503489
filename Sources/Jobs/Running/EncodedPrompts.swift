import Interventions
import Models

/// Makes prompts of contexts: looks up their pictures' files and encodes them, once each.
struct EncodedPrompts: Sendable {
    let model: VisionLanguageModel
    /// The files of every picture that contexts may show, by digest.
    let pictures: [String: [UInt8]]
    let cache: EncodedImageCache

    /// The prompt of a context with its picture encoded.
    ///
    /// - throws: ``CellFailure`` for a picture that is gone or does not decode.
    func prompt(_ context: PromptContext, run: ModelRun) throws -> Prompt {
        let image = try cache.image(context.image, on: model) {
            guard let file = pictures[context.image] else {
                throw CellFailure("the image \(context.image) is not stored")
            }
            do {
                return try run.timed(.encoding) { try model.encode(file: file, boundary: run.boundary) }
            } catch let error as PictureError {
                throw CellFailure("\(context.image): \(error)")
            }
        }
        return try model.prompt(context.text, images: [image])
    }
}

/// Why one input's cells cannot be computed while the others can.
package struct CellFailure: Error, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
