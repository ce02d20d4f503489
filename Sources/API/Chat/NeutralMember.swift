import StrictJSON

/// What OpenAI's clients may send and nothing here does: accepted where it asks for nothing, refused where it asks.
enum NeutralMember {
    /// Accepted with any value: it changes no answer.
    static let meaningless = [
        "user", "metadata", "store", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
        "parallel_tool_calls",
    ]

    /// The values that ask for nothing, beside `null`.
    static let neutral: [String: [JSONValue]] = [
        "tools": [[]], "tool_choice": ["none", "auto"], "functions": [[]], "function_call": ["none", "auto"],
        "presence_penalty": [0], "frequency_penalty": [0], "logit_bias": [[:]], "response_format": [["type": "text"]],
        "modalities": [["text"]], "service_tier": ["auto", "default"], "reasoning_effort": ["none"],
        "verbosity": ["medium"], "audio": [], "prediction": [], "web_search_options": [],
    ]

    /// - throws: `JSONError` for a member that asks for something.
    static func check(
        _ members: JSONFields, _ neutral: [String: [JSONValue]] = neutral
    ) throws(JSONError) {
        for (name, values) in neutral.sorted(by: { $0.key < $1.key }) {
            guard let field = members.optional(name), !values.contains(where: { isSame($0, field.value) }) else {
                continue
            }
            let ways = ["leave it out"] + values.map { "give \($0.text)" }
            throw field.unsupported("is not done here; \(ways.joined(separator: " or "))")
        }
    }

    /// 0 and 0.0 are one number.
    private static func isSame(_ a: JSONValue, _ b: JSONValue) -> Bool {
        if let a = a.doubleValue { return a == b.doubleValue }
        return a == b
    }
}

extension JSONField {
    /// A value that OpenAI's interface has, and this server has not.
    func unsupported(_ problem: String) -> JSONError {
        invalid(problem, code: ProblemCode.unsupportedParameter.rawValue)
    }
}
