import StrictJSON

/// A caption request in names and texts, as a query or a form gives it, turned into the members of its JSON form.
///
/// `preset`, `question`, `text` and `chat` make up the member `prompt`; numbers, truth values and objects are read from their
/// text. What cannot be read so stays text, and the field's reader says what it should be.
struct CaptionForm {
    private static let promptNames = ["preset", "question", "text", "chat"]
    private static let readNames: Set<String> = [
        "max_tokens", "temperature", "top_p", "seed", "top_logprobs", "dry_run", "interventions", "prompt",
        "measure",
    ]

    /// The request, with `image` added.
    let object: JSONObject

    /// - Parameter image: the picture's digest.
    /// - throws: ``Problem`` for a name given twice.
    init(_ items: [(name: String, text: String)], image: String) throws(Problem) {
        var object = JSONObject([("image", .string(image))])
        var prompt = JSONObject()
        for (name, text) in items {
            let isOfPrompt = Self.promptNames.contains(name)
            guard (isOfPrompt ? prompt : object)[name] == nil else {
                throw Problem(
                    .wrongType, field: name,
                    name == "image" ? "the content is the image already" : "is given twice; give it once")
            }
            if isOfPrompt {
                prompt[name] = .string(text)
            } else if Self.readNames.contains(name), let value = try? JSONParser.parse(text) {
                object[name] = value
            } else {
                object[name] = .string(text)
            }
        }
        if prompt.count > 0 {
            guard object["prompt"] == nil else {
                throw Problem(.wrongType, field: prompt.names[0], "give either it or \"prompt\"")
            }
            object["prompt"] = .object(prompt)
        }
        self.object = object
    }

    /// A field of the JSON form as a query or a form spells it.
    static func spelling(of field: String) -> String {
        for name in promptNames where field == "prompt.\(name)" { return name }
        return field
    }
}
