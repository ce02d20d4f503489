package import Models

extension PromptRequest {
    /// The preset that stands for a request that names none: `name` if the model has it, else `caption`.
    package static func preset(_ name: String = "caption", of model: VisionLanguageModel) -> PromptRequest {
        .preset(model.presets.contains { $0.name == name } ? name : "caption", question: nil)
    }

    /// The prompt's text on `model`, with the image placeholder in it.
    ///
    /// - throws: ``InterventionError`` naming the field, for a preset or a chat form that the model lacks, or a question
    ///   that is missing or not asked for.
    package func text(on model: VisionLanguageModel, path: String) throws(InterventionError) -> String {
        switch self {
        case .text(let text): return text
        case .chat(let message):
            guard let template = model.chatTemplate else {
                throw InterventionError(
                    .invalidPrompt, at: "\(path).chat",
                    "\(model.name) has no chat form: its tokenizer names no sep_token; give \"text\" or a preset")
            }
            return template.replacing("{message}", with: message)
        case .preset(let name, let question):
            guard let preset = model.presets.first(where: { $0.name == name }) else {
                let known = model.presets.map(\.name).joined(separator: ", ")
                throw InterventionError(
                    .unknownPreset, at: "\(path).preset",
                    "\"\(name)\" is no preset of \(model.name); presets are \(known)")
            }
            guard preset.text.contains("{question}") else {
                guard question == nil else {
                    throw InterventionError(
                        .invalidPrompt, at: "\(path).question", "the preset \"\(name)\" asks no question")
                }
                return preset.text
            }
            guard let question else {
                throw InterventionError(
                    .invalidPrompt, at: "\(path).question", "is required by the preset \"\(name)\"")
            }
            return preset.text.replacing("{question}", with: question)
        }
    }
}
