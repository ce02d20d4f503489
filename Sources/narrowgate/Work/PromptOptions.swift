import ArgumentParser
import Jobs
import Models
import StrictJSON

/// How a command's prompt is chosen.
struct PromptOptions: ParsableArguments {
    @Option(help: "One of the model's prompts (narrowgate models NAME lists them).")
    var preset: String?

    @Option(
        help:
            "The prompt's text; the model's image placeholder stands where the picture goes, or the picture comes first."
    )
    var prompt: String?

    @Option(help: "A chat message, in the form that the model was tuned on; the picture as with --prompt.")
    var chat: String?

    @Option(help: "The question, for presets that ask one.")
    var question: String?

    func validate() throws {
        guard [preset, prompt, chat].filter({ $0 != nil }).count <= 1 else {
            throw ValidationError("give one of --preset, --prompt and --chat.")
        }
        if prompt != nil || chat != nil, question != nil {
            throw ValidationError("--question goes with --preset, not with --prompt or --chat.")
        }
    }

    /// The request's `prompt`; `nil` leaves the choice to the model.
    ///
    /// - Parameter model: the model's name.
    func json(on model: String, in workplace: Workplace) async throws -> JSONValue? {
        for (name, text) in [("text", prompt), ("chat", chat)] {
            guard let text else { continue }
            let placeholder = try await workplace.service.models.model(model).placeholder
            return .object(
                JSONObject([(name, .string(text.contains(placeholder) ? text : placeholder + text))]))
        }
        guard preset != nil || question != nil else { return nil }
        var object = JSONObject([("preset", .string(preset ?? "vqa"))])
        if let question { object["question"] = .string(question) }
        return .object(object)
    }
}
