import StrictJSON

/// What is put around the tokens of a text: the `post_processor` of `tokenizer.json`, for single texts.
struct PostProcessor: Sendable {
    /// Ids before and after the text's own.
    private(set) var prefix: [Int] = []
    private(set) var suffix: [Int] = []

    /// Reads the member `post_processor`; `nil` (absent or null) adds nothing.
    init(_ field: JSONField?) throws {
        if let field { try read(field) }
    }

    private mutating func read(_ field: JSONField) throws {
        let fields = try field.object()
        let type = try fields.required("type")
        switch try type.string() {
        case "Sequence":
            for element in try fields.required("processors").array() { try read(element) }
        case "ByteLevel":
            // Concerns offsets into the text only.
            fields.ignore("add_prefix_space", "trim_offsets", "use_regex")
        case "TemplateProcessing":
            try readTemplate(fields)
        case let name:
            throw type.invalid(
                "the post-processor \"\(name)\" is not supported; TemplateProcessing, ByteLevel and Sequence are")
        }
        try fields.finish()
    }

    private mutating func readTemplate(_ fields: JSONFields) throws {
        fields.ignore("pair")
        let specials = try fields.required("special_tokens").object()
        var before: [Int] = []
        var after: [Int] = []
        var seenText = false
        for piece in try fields.required("single").array() {
            let members = try piece.object()
            if let special = members.optional("SpecialToken") {
                let token = try special.object()
                let name = try token.required("id").string()
                let entry = try specials.required(name).object()
                let ids = try entry.required("ids").array().map { try $0.integer(in: 0...Int(Int32.max)) }
                if seenText { after += ids } else { before += ids }
            } else {
                let sequence = try members.required("Sequence").object()
                let id = try sequence.required("id")
                guard try id.string() == "A", !seenText else {
                    throw id.invalid("a single text is sequence \"A\", once")
                }
                seenText = true
            }
            try members.finish()
        }
        guard seenText else {
            throw JSONError(.invalidValue, at: fields.path, "the template leaves out sequence \"A\"")
        }
        prefix = before + prefix
        suffix += after
    }
}
