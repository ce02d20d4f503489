import StrictJSON

/// One message of a conversation, as OpenAI's clients send it: a role, and text and pictures in order.
struct ChatMessage: Sendable {
    enum Role: String, Sendable, CaseIterable {
        case system, developer, user, assistant
    }

    /// A piece of a message.
    enum Part: Sendable {
        case text(String)
        /// A picture as requests name one: a `data:` URL, or the id of an uploaded one.
        case picture(String, path: String)
    }

    let role: Role
    let parts: [Part]
    /// Where the role stands in the request.
    let rolePath: String

    /// The pieces of text, in order.
    var texts: [String] {
        parts.compactMap { part in
            guard case .text(let text) = part else { return nil }
            return text
        }
    }

    /// - throws: `JSONError` that names the field.
    static func list(_ field: JSONField) throws(JSONError) -> [ChatMessage] {
        let elements = try field.array()
        guard !elements.isEmpty else { throw field.invalid("the list is empty; give at least one message") }
        return try elements.map { element throws(JSONError) in try ChatMessage(element) }
    }

    /// As in ``NeutralMember/neutral``.
    static let neutral: [String: [JSONValue]] = ["tool_calls": [[]], "function_call": [], "audio": []]

    private init(_ field: JSONField) throws(JSONError) {
        let members = try field.object()
        let roleField = try members.required("role")
        let name = try roleField.string()
        guard let role = Role(rawValue: name) else {
            let known = Role.allCases.map(\.rawValue).joined(separator: ", ")
            throw roleField.unsupported("\"\(name.prefix(60))\" is none of \(known)")
        }
        self.role = role
        rolePath = roleField.path
        // A client that sends an answer back sends all that the answer had.
        members.ignore("name", "annotations", "refusal")
        try NeutralMember.check(members, Self.neutral)
        // An assistant's turn may be without content.
        let content = role == .assistant ? members.optional("content") : try members.required("content")
        parts = try content.map { given throws(JSONError) in try Self.parts(given) } ?? []
        try members.finish()
    }

    private static func parts(_ field: JSONField) throws(JSONError) -> [Part] {
        if case .string(let text) = field.value { return [.text(text)] }
        guard case .array = field.value else { throw field.wrongType("a string or an array of parts") }
        return try field.array().map { element throws(JSONError) in try part(element) }
    }

    private static func part(_ field: JSONField) throws(JSONError) -> Part {
        let members = try field.object()
        let type = try members.required("type")
        let part: Part
        switch try type.string() {
        case "text":
            part = .text(try members.required("text").string())
        case "image_url":
            let image = try members.required("image_url").object()
            let url = try image.required("url")
            // Pictures are prepared in one way only.
            image.ignore("detail")
            try image.finish()
            part = .picture(try url.string(), path: url.path)
        case let other:
            throw type.unsupported("\"\(other.prefix(60))\" is neither text nor image_url")
        }
        try members.finish()
        return part
    }
}
