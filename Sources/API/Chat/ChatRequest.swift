import Interventions
import Jobs
import Models
package import StrictJSON

/// A request of `POST /v1/chat/completions`: OpenAI's shape, and our `interventions` and `receipt`.
///
/// Each of its choices is a caption, with the members that caption requests have, so that it is computed, recorded and
/// computed again as every other caption.
package struct ChatRequest: Sendable {
    let model: String
    let messages: [ChatMessage]
    /// How many choices are wanted.
    let count: Int
    let isStreamed: Bool
    /// Whether the last chunk of a stream counts tokens.
    let countsUsage: Bool
    let givesLogprobs: Bool
    let stops: [String]
    private let isGreedy: Bool
    private let seed: Int
    /// What the limit of tokens is called in this request.
    private let limitName: String
    /// The members that caption requests have under the same names.
    private let members: JSONObject

    /// A continuation has at most this many tokens where a request names no number.
    static let usualTokens = 256
    /// Each choice waits for the engine by itself.
    static let countRange = 1...16
    static let topRange = 0...20

    /// - throws: `JSONError` that names the field.
    package init(_ fields: JSONFields, defaultModel: String) throws(JSONError) {
        model = try fields.optional("model")?.string() ?? defaultModel
        messages = try ChatMessage.list(try fields.required("messages"))
        count = try fields.optional("n")?.integer(in: Self.countRange) ?? 1
        isStreamed = try fields.optional("stream")?.bool() ?? false
        countsUsage = try Self.countsUsage(fields, isStreamed: isStreamed)

        var members = JSONObject()
        let limits = ["max_completion_tokens", "max_tokens"].compactMap { fields.optional($0) }
        if limits.count == 2, limits[0].value != limits[1].value {
            throw limits[1].invalid("max_completion_tokens is another number; give one of them")
        }
        members["max_tokens"] = limits.first?.value ?? .integer(Self.usualTokens)
        limitName = limits.first?.path ?? "max_tokens"

        givesLogprobs = try fields.optional("logprobs")?.bool() ?? false
        if let top = fields.optional("top_logprobs") {
            guard givesLogprobs else { throw top.invalid("goes with \"logprobs\": true") }
            members["top_logprobs"] = .integer(try top.integer(in: Self.topRange))
        }
        let temperature = fields.optional("temperature")
        isGreedy = try temperature?.number() ?? 0 == 0
        seed = try fields.optional("seed")?.integer() ?? 0
        for field in [temperature] + ["top_p", "stop", "interventions", "receipt"].map({ fields.optional($0) }) {
            if let field { members[field.path] = field.value }
        }
        self.members = members
        stops =
            members["stop"].map { stop in
                stop.stringValue.map { [$0] } ?? (stop.arrayValue ?? []).compactMap(\.stringValue)
            } ?? []
        for name in NeutralMember.meaningless { fields.ignore(name) }
        try NeutralMember.check(fields)
        try fields.finish()
    }

    private static func countsUsage(_ fields: JSONFields, isStreamed: Bool) throws(JSONError) -> Bool {
        guard let field = fields.optional("stream_options") else { return false }
        guard isStreamed else { throw field.invalid("goes with \"stream\": true") }
        let options = try field.object()
        let counts = try options.optional("include_usage")?.bool() ?? false
        // Chunks are never padded.
        options.ignore("include_obfuscation")
        try options.finish()
        return counts
    }

    // MARK: Captions

    /// How many captions are computed: greedy choices are all the same one.
    var captionCount: Int { isGreedy ? 1 : count }

    /// The choices that a caption answers.
    func choices(ofCaption index: Int) -> Range<Int> { isGreedy ? 0..<count : index..<index + 1 }

    /// What is computed for one of the captions; the next one's seed is the next number.
    ///
    /// - throws: `JSONError`, ``InterventionError``, under the names of ``spelling(of:)``.
    func caption(_ index: Int, on model: VisionLanguageModel) throws -> JobSpecification {
        var object = JSONObject([
            ("model", .string(self.model)), ("image", .string(try picture().reference)),
            ("prompt", try prompt(on: model)), ("seed", .integer(seed &+ index)),
        ])
        for (name, value) in members.members { object[name] = value }
        let fields = JSONFields(object)
        let specification = try JobSpecification(.caption, fields, defaultModel: self.model)
        try fields.finish()
        return specification
    }

    /// A caption request's field as this request spells it.
    func spelling(of field: String) -> String {
        switch field {
        case "image": (try? picture().path) ?? "messages"
        case "max_tokens": limitName
        case _ where field == "prompt" || field.hasPrefix("prompt."): "messages"
        // The input that a caption has by its place: "inputs[0].prompt".
        case _ where field.hasPrefix("inputs"): "messages"
        default: field
        }
    }

    /// The one picture that the messages show.
    private func picture() throws(JSONError) -> (reference: String, path: String) {
        var pictures: [(reference: String, path: String)] = []
        for part in messages.flatMap(\.parts) {
            if case .picture(let reference, let path) = part { pictures.append((reference, path)) }
        }
        guard pictures.count == 1 else {
            throw JSONError(
                .invalidValue, at: "messages",
                "show \(pictures.count) pictures; the models here take one, as a part "
                    + "{\"type\": \"image_url\", \"image_url\": {\"url\": \"data:image/png;base64,…\"}}",
                code: ProblemCode.imageCountMismatch.rawValue)
        }
        return pictures[0]
    }

    /// The messages as the model reads them (``MessageForm``).
    private func prompt(on model: VisionLanguageModel) throws(JSONError) -> JSONValue {
        switch model.messageForm {
        case .text:
            let text = messages.flatMap(\.texts).filter { !$0.isEmpty }.joined(separator: "\n")
            return text.isEmpty ? ["preset": "caption"] : ["text": .string(model.placeholder + text)]
        case .chat:
            let message = messages[0]
            for other in [messages.first { $0.role != .user }, messages.dropFirst().first].compactMap({ $0 }) {
                throw JSONError(
                    .invalidValue, at: other.rolePath,
                    "the chat form of \(model.name) is one message of the user, and no other turn",
                    code: ProblemCode.unsupportedParameter.rawValue)
            }
            let pieces = message.parts.map { part in
                switch part {
                case .text(let text): text
                case .picture: model.placeholder
                }
            }
            return ["chat": .string(pieces.joined())]
        }
    }
}
