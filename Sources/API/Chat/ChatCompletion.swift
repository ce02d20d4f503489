import Foundation
import StrictJSON

/// An answer in OpenAI's shape, whole or in chunks.
/// A stream that counts tokens has `usage` in every chunk, `null` but in the last one. Beside OpenAI's members, each choice has `job`, under which its caption is recorded, and `receipt`, what its interventions
/// did; the answer has `provenance`.
struct ChatCompletion: Sendable {
    private let id: String
    private let created: Int
    private let model: String
    private let fingerprint: String
    private let givesLogprobs: Bool
    private let countsUsage: Bool

    /// - Parameters:
    ///   - id: a new identifier.
    ///   - fingerprint: the model's, `sha256:…`.
    init(id: String, model: String, fingerprint: String, givesLogprobs: Bool, countsUsage: Bool) {
        self.id = "chatcmpl-\(id)"
        created = Int(Date().timeIntervalSince1970)
        self.model = model
        self.fingerprint = "fp_" + fingerprint.dropFirst("sha256:".count).prefix(12)
        self.givesLogprobs = givesLogprobs
        self.countsUsage = countsUsage
    }

    private func head(_ object: String) -> JSONObject {
        JSONObject([
            ("id", .string(id)), ("object", .string(object)), ("created", .integer(created)), ("model", .string(model)),
            ("system_fingerprint", .string(fingerprint)),
        ])
    }

    // MARK: Whole

    /// - Parameter captions: the answer of `POST /v1/captions` for each choice.
    func json(_ captions: [JSONValue]) -> JSONValue {
        var object = head("chat.completion")
        object["choices"] = .array(
            captions.enumerated().map { index, caption in
                var choice = JSONObject([
                    ("index", .integer(index)),
                    (
                        "message",
                        ["role": "assistant", "content": caption["caption"] ?? .null, "refusal": .null]
                    ),
                    ("logprobs", logprobs(caption["tokens"]?.arrayValue ?? [])),
                ])
                Self.end(&choice, caption)
                return .object(choice)
            })
        object["usage"] = Self.usage(captions)
        object["provenance"] = captions.first?["provenance"] ?? .null
        return .object(object)
    }

    // MARK: In chunks

    /// A chunk of one choice.
    func chunk(_ choice: Int, delta: JSONValue, tokens: [JSONValue] = [], end answer: JSONValue? = nil) -> JSONValue {
        var object = JSONObject([
            ("index", .integer(choice)), ("delta", delta),
            ("logprobs", tokens.isEmpty ? .null : logprobs(tokens)), ("finish_reason", .null),
        ])
        if let answer { Self.end(&object, answer) }
        var chunk = head("chat.completion.chunk")
        chunk["choices"] = [.object(object)]
        if countsUsage { chunk["usage"] = .null }
        return .object(chunk)
    }

    /// The chunk that counts tokens.
    func usageChunk(_ captions: [JSONValue]) -> JSONValue {
        var chunk = head("chat.completion.chunk")
        chunk["choices"] = []
        chunk["usage"] = Self.usage(captions)
        return .object(chunk)
    }

    // MARK: Parts

    /// What a choice ends with.
    private static func end(_ choice: inout JSONObject, _ answer: JSONValue) {
        choice["finish_reason"] = answer["finish_reason"] ?? .null
        choice["job"] = answer["id"] ?? .null
        choice["receipt"] = answer["receipt"] ?? .null
    }

    /// The prompt is counted once, the tokens of every choice.
    private static func usage(_ captions: [JSONValue]) -> JSONValue {
        func count(_ name: String, _ caption: JSONValue) -> Int { caption["usage"]?[name]?.integerValue ?? 0 }
        let prompt = captions.first.map { count("prompt_tokens", $0) } ?? 0
        let completion = captions.reduce(0) { $0 + count("completion_tokens", $1) }
        return [
            "prompt_tokens": .integer(prompt), "completion_tokens": .integer(completion),
            "total_tokens": .integer(prompt + completion),
        ]
    }

    private func logprobs(_ tokens: [JSONValue]) -> JSONValue {
        guard givesLogprobs else { return .null }
        return [
            "content": .array(
                tokens.map { token in
                    var object = Self.logprob(token)
                    object["top_logprobs"] = .array(
                        (token["top"]?.arrayValue ?? []).map { .object(Self.logprob($0)) })
                    return .object(object)
                }), "refusal": .null,
        ]
    }

    private static func logprob(_ token: JSONValue) -> JSONObject {
        let text = token["text"]?.stringValue ?? ""
        // A token of some bytes of a character has no text of its own.
        let bytes: JSONValue = text.contains("\u{FFFD}") ? .null : .array(text.utf8.map { .integer(Int($0)) })
        return JSONObject([
            ("token", .string(text)), ("logprob", token["logprob"] ?? .null), ("bytes", bytes),
        ])
    }
}
