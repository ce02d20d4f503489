import StrictJSON

extension PreTokenizer {
    /// GPT-2's own expression, which `ByteLevel` applies under `use_regex`.
    private static let gpt2 = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

    /// Reads the member `pre_tokenizer`; `nil` (absent or null) cuts nothing.
    init(_ field: JSONField?) throws {
        steps = try field.map(Self.steps) ?? []
    }

    private static func steps(_ field: JSONField) throws -> [Step] {
        let fields = try field.object()
        let type = try fields.required("type")
        var steps: [Step] = []
        switch try type.string() {
        case "Sequence":
            for element in try fields.required("pretokenizers").array() {
                steps.append(contentsOf: try Self.steps(element))
            }
        case "Split":
            let matcher = try matcher(fields.required("pattern"))
            let behavior = try behavior(fields.required("behavior"))
            steps = [.split(matcher, behavior, invert: try fields.optional("invert")?.bool() ?? false)]
        case "Digits":
            steps = [.digits(individual: try fields.optional("individual_digits")?.bool() ?? false)]
        case "Punctuation":
            steps = [.punctuation(try fields.optional("behavior").map(behavior) ?? .isolated)]
        case "ByteLevel":
            let addPrefixSpace = try fields.optional("add_prefix_space")?.bool() ?? true
            let useRegex = try fields.optional("use_regex")?.bool() ?? true
            _ = try fields.optional("trim_offsets")?.bool()
            let pattern = useRegex ? try Pattern(gpt2, field: field.path) : nil
            steps = [.byteLevel(addPrefixSpace: addPrefixSpace, pattern: pattern)]
        case let name:
            throw type.invalid(
                "the pre-tokenizer \"\(name)\" is not supported; "
                    + "Sequence, Split, Digits, Punctuation and ByteLevel are")
        }
        try fields.finish()
        return steps
    }

    private static func matcher(_ field: JSONField) throws -> Matcher {
        let fields = try field.object()
        let matcher: Matcher
        if let expression = fields.optional("Regex") {
            matcher = .pattern(try Pattern(expression.string(), field: expression.path))
        } else {
            let literal = Array(try fields.required("String").string().utf8)
            guard !literal.isEmpty else { throw field.invalid("the string to split by is empty") }
            matcher = .literal(literal)
        }
        try fields.finish()
        return matcher
    }

    private static func behavior(_ field: JSONField) throws -> Behavior {
        let name = try field.string()
        guard let behavior = Behavior(rawValue: name) else {
            let known = Behavior.allCases.map(\.rawValue).joined(separator: ", ")
            throw field.invalid("\"\(name)\" is no behavior; \(known) are")
        }
        return behavior
    }
}
