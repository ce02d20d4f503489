package import Interventions
package import StrictJSON

/// A caption request, over one picture or many, with its defaults filled in.
package struct CaptionSpecification: Sendable, Equatable {
    package var model: String
    package var inputs: [JobInput]
    /// Whether the request named one `image` rather than a list: then the answer may be synchronous.
    package var isSingle: Bool
    package var generation: GenerationOptions
    package var interventions: InterventionSet?
    package var receipt: ReceiptDetail
    /// What is measured beside, while the prompt is read.
    package var beside: Measurements

    /// Reads the body of `POST /v1/captions`.
    package init(_ members: JSONFields, defaultModel: String) throws(JSONError) {
        model = try members.optional("model")?.string() ?? defaultModel
        if let image = members.optional("image") {
            for other in ["images", "inputs"] {
                if let field = members.optional(other) {
                    throw field.invalid("give either \"image\" or \"\(other)\", not both")
                }
            }
            let prompt = try members.optional("prompt").map { given throws(JSONError) in try PromptRequest(given) }
            inputs = [JobInput(id: "0", image: try image.string(), prompt: prompt)]
            isSingle = true
        } else {
            if members.optional("images") == nil, members.optional("inputs") == nil {
                _ = try members.required(
                    "image", "is required: a digest \"sha256:…\" of an uploaded picture, or a data: URL")
            }
            inputs = try JobInput.list(members)
            isSingle = false
        }
        generation = GenerationOptions(maximumTokens: 60)
        if let given = members.optional("max_tokens") {
            generation.maximumTokens = try given.integer(in: Measure.tokenRange)
        }
        if let given = members.optional("temperature") { generation.temperature = try given.number(in: 0...100) }
        if let given = members.optional("top_p") {
            generation.topP = try given.number(in: 0...1)
            guard generation.topP > 0 else { throw given.invalid("0 leaves no token; choose more than 0, up to 1") }
        }
        if let given = members.optional("seed") { generation.seed = try given.integer() }
        if let given = members.optional("top_logprobs") {
            generation.topLogprobs = try given.integer(in: Measure.topRange)
        }
        if let given = members.optional("stop") { generation.stops = try Self.stops(given) }
        if let given = members.optional("interventions") { interventions = try InterventionSet(given) }
        receipt = try ReceiptDetail(members.optional("receipt"))
        beside = Measurements()
        if let measure = try members.optional("measure")?.object() {
            beside = try Measurements(measure)
            try measure.finish()
        }
    }

    /// How many texts may end a continuation, and how long each may be, in bytes.
    package static let stopCount = 4
    package static let stopBytes = 256

    /// One text, or a list.
    private static func stops(_ field: JSONField) throws(JSONError) -> [String] {
        if case .string = field.value { return [try stop(field)] }
        let elements = try field.array()
        guard elements.count <= stopCount else {
            throw field.invalid("\(elements.count) of them; at most \(stopCount)")
        }
        return try elements.map { element throws(JSONError) in try stop(element) }
    }

    private static func stop(_ field: JSONField) throws(JSONError) -> String {
        let text = try field.string()
        guard (1...stopBytes).contains(text.utf8.count) else {
            throw field.invalid("\(text.utf8.count) bytes; a stop has 1 to \(stopBytes)")
        }
        return text
    }

    /// The request as accepted.
    package var json: JSONValue {
        var object = JSONObject([("model", .string(model))])
        if isSingle, let input = inputs.first {
            object["image"] = .string(input.image)
            object["prompt"] = input.prompt?.json ?? .null
        } else {
            object["inputs"] = .array(inputs.map(\.json))
        }
        object["max_tokens"] = .integer(generation.maximumTokens)
        object["temperature"] = .number(generation.temperature)
        object["top_p"] = .number(generation.topP)
        object["seed"] = .integer(generation.seed)
        object["top_logprobs"] = .integer(generation.topLogprobs)
        object["stop"] = .array(generation.stops.map { .string($0) })
        object["interventions"] = interventions?.json ?? .null
        object["receipt"] = .string(receipt.rawValue)
        object["measure"] = beside.json
        return .object(object)
    }
}
