import StrictJSON

extension BytePairModel {
    /// Reads the member `model`: type BPE, with merges as `"a b"` or as `["a", "b"]`.
    init(_ field: JSONField) throws {
        let fields = try field.object()
        if let type = fields.optional("type"), try type.string() != "BPE" {
            throw type.invalid("the model \"\(try type.string())\" is not supported; BPE is")
        }
        try Self.refuseUnsupported(fields)
        let vocabulary = try Self.vocabulary(fields.required("vocab"))
        let merges = try Self.merges(fields.required("merges"), in: vocabulary)
        let unknown = try fields.optional("unk_token").map { field in
            guard let id = vocabulary[ByteKey(try field.string())] else {
                throw field.invalid("\"\(try field.string())\" is not in vocab")
            }
            return id
        }
        self.init(
            vocabulary: vocabulary, merges: merges, unknown: unknown,
            fusesUnknown: try fields.optional("fuse_unk")?.bool() ?? false,
            ignoresMerges: try fields.optional("ignore_merges")?.bool() ?? false)
        try fields.finish()
    }

    private static func refuseUnsupported(_ fields: JSONFields) throws {
        if let dropout = fields.optional("dropout"), try dropout.number() != 0 {
            throw dropout.invalid("merges left out at random are not supported; null would be right")
        }
        for name in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let affix = fields.optional(name), try !affix.string().isEmpty {
                throw affix.invalid("\"\(try affix.string())\" is not supported; only null is")
            }
        }
        if let fallback = fields.optional("byte_fallback"), try fallback.bool() {
            throw fallback.invalid("byte fallback is not supported yet; only byte-level vocabularies are")
        }
    }

    private static func vocabulary(_ field: JSONField) throws -> [ByteKey: Int32] {
        guard case .object(let object) = field.value else { throw field.invalid("must be an object of ids") }
        var ids: [ByteKey: Int32] = [:]
        var owners: [Int32: String] = [:]
        ids.reserveCapacity(object.count)
        owners.reserveCapacity(object.count)
        for (token, value) in object.members {
            guard case .integer(let integer) = value, let id = Int32(exactly: integer), id >= 0 else {
                throw TokenizationError(
                    field: "\(field.path).\(token)", "an id must be an integer in 0...\(Int32.max)")
            }
            if let other = owners.updateValue(token, forKey: id) {
                throw TokenizationError(field: "\(field.path).\(token)", "id \(id) is also that of \"\(other)\"")
            }
            ids[ByteKey(token)] = id
        }
        return ids
    }

    private static func merges(_ field: JSONField, in vocabulary: [ByteKey: Int32]) throws -> [Pair: Merge] {
        guard case .array(let elements) = field.value else { throw field.invalid("must be an array of merges") }
        var merges: [Pair: Merge] = [:]
        merges.reserveCapacity(elements.count)
        for (rank, element) in elements.enumerated() {
            func refuse(_ problem: String) -> TokenizationError {
                TokenizationError(field: "\(field.path)[\(rank)]", problem)
            }
            guard let (left, right) = parts(of: element), let rank = Int32(exactly: rank) else {
                throw refuse("a merge is \"a b\" or [\"a\", \"b\"], found \(element.text)")
            }
            guard let leftID = vocabulary[ByteKey(left)], let rightID = vocabulary[ByteKey(right)],
                let token = vocabulary[ByteKey(left + right)]
            else { throw refuse("\(element.text): both parts and their union must be in vocab") }
            // Of a merge listed twice the last rank counts, as in the reference.
            merges[pair(leftID, rightID)] = Merge(rank: rank, token: token)
        }
        return merges
    }

    private static func parts(of element: JSONValue) -> (left: [UInt8], right: [UInt8])? {
        switch element {
        case .string(let text):
            let parts = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            return parts.count == 2 ? (Array(parts[0]), Array(parts[1])) : nil
        case .array(let parts):
            guard parts.count == 2, case .string(let left) = parts[0], case .string(let right) = parts[1] else {
                return nil
            }
            return (Array(left.utf8), Array(right.utf8))
        default: return nil
        }
    }
}
