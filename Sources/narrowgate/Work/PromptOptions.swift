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

    @Option(help: "The question, for presets that ask one.")
    var question: String?

    func validate() throws {
        if preset != nil, prompt != nil { throw ValidationError("give --preset or --prompt, not both.") }
        if prompt != nil, question != nil { throw ValidationError("--question goes with --preset, not with --prompt.") }
    }

    /// The request's `prompt`; `nil` leaves the choice to the model.
    ///
    /// - Parameter model: the model's name.
    func json(on model: String, in workplace: Workplace) async throws -> JSONValue? {
        if let prompt {
            let placeholder = try await workplace.service.models.model(model).placeholder
            return ["text": .string(prompt.contains(placeholder) ? prompt : placeholder + prompt)]
        }
        guard preset != nil || question != nil else { return nil }
        var object = JSONObject([("preset", .string(preset ?? "vqa"))])
        if let question { object["question"] = .string(question) }
        return .object(object)
    }
}
