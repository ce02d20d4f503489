package import Models

/// A prompt before its picture has been looked at: enough to find every position.
///
/// Positions depend on the text and on how many image tokens a picture takes, never on the picture
/// itself, so what a request asks for can be checked when it is submitted.
package struct PromptContext: Sendable, Equatable {
    /// With the image placeholder in it.
    package let text: String
    package let layout: PromptLayout
    /// Digest of the picture.
    package let image: String

    /// - throws: ``InterventionError`` naming `path` if the text does not take exactly one picture, or is
    ///   longer than the model's positions.
    package init(_ request: PromptRequest, image: String, on model: VisionLanguageModel, path: String)
        throws(InterventionError)
    {
        text = try request.text(on: model, path: path)
        do {
            layout = try model.prompt(text, imageCount: 1).layout
        } catch let error as ModelError {
            throw InterventionError(
                error.kind == .length ? .promptTooLong : .imageCountMismatch, at: path, error.description)
        } catch {
            throw InterventionError(.imageCountMismatch, at: path, "\(error)")
        }
        self.image = image
    }
}

extension PromptContext {
    private init(text: String, layout: PromptLayout, image: String) {
        self.text = text
        self.layout = layout
        self.image = image
    }

    /// The same prompt with another picture.
    package func showing(_ image: String) -> PromptContext {
        PromptContext(text: text, layout: layout, image: image)
    }
}
