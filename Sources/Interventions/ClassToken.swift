package import Models
package import StrictJSON

/// A class token as a patch request names it: text that is one token, or an id.
package enum ClassToken: Sendable, Equatable {
    case text(String)
    case id(Int)

    package init(_ field: JSONField) throws(JSONError) {
        if case .string(let text) = field.value {
            self = .text(text)
        } else {
            let members = try field.object()
            self = .id(try members.required("id").integer(in: 0...Int(Int32.max)))
            try members.finish()
        }
    }

    package var json: JSONValue {
        switch self {
        case .text(let text): .string(text)
        case .id(let id): ["id": .integer(id)]
        }
    }

    /// The token's id on `model`.
    ///
    /// - Parameter firstToken: accepts a word of several tokens and takes its first (the paper's way).
    /// - throws: ``InterventionError`` with the pieces of a word that is more than one token.
    package func resolve(on model: VisionLanguageModel, firstToken: Bool, path: String) throws(InterventionError)
        -> Int
    {
        switch self {
        case .id(let id):
            guard id < model.decoder.configuration.vocabulary else {
                throw InterventionError(
                    .unknownToken, at: path,
                    "token \(id) is outside the vocabulary, 0...\(model.decoder.configuration.vocabulary - 1)")
            }
            return id
        case .text(let text):
            let ids: [Int]
            do { ids = try model.tokens(of: text) } catch {
                throw InterventionError(.unknownToken, at: path, "\(error)")
            }
            guard let first = ids.first else {
                throw InterventionError(.unknownToken, at: path, "the text is empty; give a word such as \" circle\"")
            }
            guard ids.count == 1 || firstToken else {
                let pieces = ids.map { "\"\(model.text(of: [$0]))\"" }
                throw InterventionError(
                    .unknownToken, at: path,
                    "\"\(text)\" is \(ids.count) tokens (\(pieces.joined(separator: ", "))); name a word of one token (mind the leading space), an {\"id\": …}, or set \"first_token\": true"
                )
            }
            return first
        }
    }
}
