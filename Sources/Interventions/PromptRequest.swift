package import StrictJSON

/// A prompt as a request gives it, before a model's presets have turned it into text.
package enum PromptRequest: Sendable, Equatable {
    /// One of the model's presets; `question` fills the `{question}` of presets that ask one.
    case preset(String, question: String?)
    /// Text with the family's image placeholder in it; no chat template is applied.
    case text(String)

    package init(_ field: JSONField) throws(JSONError) {
        let members = try field.object()
        let preset = try members.optional("preset")?.string()
        let question = try members.optional("question").map { given throws(JSONError) in try Self.text(given) }
        let text = try members.optional("text").map { given throws(JSONError) in try Self.text(given) }
        try members.finish()
        switch (preset, text) {
        case (let preset?, nil): self = .preset(preset, question: question)
        case (nil, let text?):
            guard question == nil else { throw field.invalid("\"question\" goes with a preset, not with \"text\"") }
            self = .text(text)
        default: throw field.invalid("give either \"preset\" or \"text\"")
        }
    }

    /// Longer than any model's positions; the tokenizer need not look at more.
    private static let maximumBytes = 1 << 20

    private static func text(_ field: JSONField) throws(JSONError) -> String {
        let text = try field.string()
        guard !text.isEmpty else { throw field.invalid("the text is empty") }
        guard text.utf8.count <= maximumBytes else {
            throw field.invalid("\(text.utf8.count) bytes; at most \(maximumBytes)")
        }
        return text
    }

    package var json: JSONValue {
        switch self {
        case .preset(let name, let question?): ["preset": .string(name), "question": .string(question)]
        case .preset(let name, nil): ["preset": .string(name)]
        case .text(let text): ["text": .string(text)]
        }
    }
}
