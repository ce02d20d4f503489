import Foundation
package import StrictJSON

/// Reads a Hugging Face `config.json` (or a sub-object of one) member by member, and remembers what was read.
///
/// Published files leave out every value that equals its class's default, so each read takes the default; a member
/// that is there must have the right type and lie in the range. Names that nobody read are listed by
/// ``unread``, and refused by ``finish()``.
package struct ConfigurationReader {
    /// The largest configuration file accepted; Chameleon's has 1.7 MB.
    package static let maximumBytes = 64 << 20

    /// The file, for error messages.
    package let file: String
    private let object: JSONObject
    private let fields: JSONFields
    private let ledger = Ledger()

    /// Which members have been read. A class, so that reading needs no `mutating`.
    private final class Ledger { var names: Set<String> = [] }

    /// Reads the file at `path`.
    package init(path: String) throws {
        let value = try Self.parse(path)
        guard case .object(let object) = value else {
            throw CheckpointError(file: path, "must be a JSON object, found \(value.kind)")
        }
        self.init(object, file: path)
    }

    /// Reads `object`, which stands at `path` in `file`.
    package init(_ object: JSONObject, file: String, path: String = "") {
        self.file = file
        self.object = object
        self.fields = JSONFields(object, path: path)
    }

    /// The JSON document in the file at `path`, within ``maximumBytes``.
    package static func parse(_ path: String) throws -> JSONValue {
        let file = try MappedFile(path: path)
        guard file.count <= maximumBytes else {
            throw CheckpointError(file: path, "has \(file.count) bytes; at most \(maximumBytes) are allowed")
        }
        do {
            return try file.withBytes(in: 0..<file.count) { try JSONParser.parse($0) }
        } catch let error as JSONError {
            throw CheckpointError(file: path, error.description)
        }
    }

    /// The member, or `nil` where it is absent or null. Counts as read.
    package func field(_ name: String) -> JSONField? {
        ledger.names.insert(name)
        return fields.optional(name)
    }

    /// Whether the member is there and not null. Does not count as read.
    package func has(_ name: String) -> Bool { object[name].map { $0 != .null } ?? false }

    private func read<Value>(_ name: String, _ fallback: Value?, _ body: (JSONField) throws -> Value) throws -> Value {
        do {
            if let field = field(name) { return try body(field) }
            if let fallback { return fallback }
            _ = try fields.required(name)
            throw CheckpointError(file: file, subject: name, "is required")
        } catch let error as JSONError {
            throw CheckpointError(file: file, subject: error.path, error.problem)
        }
    }

    /// An integer within `range`; `default` nil means that the member is required.
    package func integer(_ name: String, default fallback: Int? = nil, in range: ClosedRange<Int>) throws -> Int {
        try read(name, fallback) { try $0.integer(in: range) }
    }

    /// A finite number within `range`; `default` nil means that the member is required.
    package func number(
        _ name: String, default fallback: Double? = nil, in range: ClosedRange<Double>
    ) throws -> Double {
        try read(name, fallback) { try $0.number(in: range) }
    }

    package func bool(_ name: String, default fallback: Bool? = nil) throws -> Bool {
        try read(name, fallback) { try $0.bool() }
    }

    package func string(_ name: String, default fallback: String? = nil) throws -> String {
        try read(name, fallback) { try $0.string() }
    }

    /// A string that must be one of `allowed`.
    package func string(_ name: String, default fallback: String? = nil, oneOf allowed: [String]) throws -> String {
        try read(name, fallback) { field in
            let text = try field.string()
            guard allowed.contains(text) else {
                throw field.invalid("\"\(text)\" is not supported; \(allowed.joined(separator: ", ")) would be")
            }
            return text
        }
    }

    package func integers(_ name: String, default fallback: [Int]? = nil, in range: ClosedRange<Int>) throws -> [Int] {
        try read(name, fallback) { try $0.array().map { try $0.integer(in: range) } }
    }

    package func numbers(_ name: String, default fallback: [Double]? = nil) throws -> [Double] {
        try read(name, fallback) { try $0.array().map { try $0.number() } }
    }

    /// The members of `name` as a reader of their own; `nil` where it is absent or null.
    package func nested(_ name: String) throws -> ConfigurationReader? {
        guard let field = field(name) else { return nil }
        guard case .object(let object) = field.value else {
            throw CheckpointError(file: file, subject: field.path, "must be an object, found \(field.value.kind)")
        }
        return ConfigurationReader(object, file: file, path: field.path)
    }

    /// An object whose values are integers within `range`, in order (Chameleon's `vocabulary_map`).
    package func integerMap(_ name: String, in range: ClosedRange<Int>) throws -> [(name: String, value: Int)] {
        try read(name, nil) { field in
            guard case .object(let object) = field.value else { throw field.invalid("must be an object") }
            return try object.members.map { name, value in
                (name, try JSONField(value, path: "\(field.path).\(name)").integer(in: range))
            }
        }
    }

    /// Refuses the member unless it is absent, null or equal to `value`: for what the engine has no other way of doing.
    package func require(_ name: String, toBe value: JSONValue, because reason: String) throws {
        guard let field = field(name), field.value != value else { return }
        throw CheckpointError(
            file: file, subject: field.path, "\(field.value.text) is not supported, only \(value.text): \(reason)")
    }

    /// Marks members as known without reading them: what says nothing about inference.
    package func ignore(_ names: String...) { ledger.names.formUnion(names) }

    /// An error about member `name` of this object.
    package func invalid(_ name: String, _ problem: String) -> CheckpointError {
        let path = fields.path.isEmpty ? name : "\(fields.path).\(name)"
        return CheckpointError(file: file, subject: path, problem)
    }

    /// The members that nobody has read or ignored, in order.
    package var unread: [String] { object.names.filter { !ledger.names.contains($0) } }

    /// Refuses members that nobody has read or ignored.
    package func finish() throws {
        guard let name = unread.first else { return }
        throw invalid(name, "unknown field; a configuration that this version does not understand is not run")
    }
}
