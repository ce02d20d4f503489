package import StrictJSON

/// A prompt as a request gives it, before a model's presets have turned it into text.
package enum PromptRequest: Sendable, Equatable {
    /// One of the model's presets; `question` fills the `{question}` of presets that ask one.
    case preset(String, question: String?)
    /// Text with the family's image placeholder in it; no chat template is applied.
    case text(String)
    /// A user's message with the placeholder in it, to which the family's chat form is applied.
    case chat(String)

    package init(_ field: JSONField) throws(JSONError) {
        let members = try field.object()
        let preset = try members.optional("preset")?.string()
        let question = try members.optional("question").map { given throws(JSONError) in try Self.text(given) }
        let text = try members.optional("text").map { given throws(JSONError) in try Self.text(given) }
        let chat = try members.optional("chat").map { given throws(JSONError) in try Self.text(given) }
        try members.finish()
        switch (preset, text, chat) {
        case (let preset?, nil, nil): self = .preset(preset, question: question)
        case (nil, let text?, nil): self = .text(text)
        case (nil, nil, let chat?): self = .chat(chat)
        default: throw field.invalid("give one of \"preset\", \"text\" and \"chat\"")
        }
        guard preset != nil || question == nil else {
            throw field.invalid("\"question\" goes with a preset, not with \"text\" or \"chat\"")
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
        case .chat(let message): ["chat": .string(message)]
        }
    }
}
