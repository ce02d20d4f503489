import Foundation
import Logging
import Store
import StrictJSON

/// A log for programs: one JSON object a line, on standard error.
///
/// `time`, `level`, `logger` and `message` come first, then the line's metadata; numbers and truth values are such.
struct JSONLogHandler: LogHandler {
    let label: String
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(label: String, level: Logger.Level) {
        self.label = label
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = JSONObject([
            ("time", .string(Timestamp.now().text)), ("level", .string(event.level.rawValue)),
            ("logger", .string(label)), ("message", .string("\(event.message)")),
        ])
        let all = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }.merging(event.metadata ?? [:]) { $1 }
        for (name, value) in all.sorted(by: { $0.key < $1.key }) where line[name] == nil {
            line[name] = Self.json(value)
        }
        if let error = event.error { line["error"] = .string("\(error)") }
        StandardError.write(JSONValue.object(line).text + "\n")
    }

    private static func json(_ value: Logger.Metadata.Value) -> JSONValue {
        switch value {
        case .string(let text): json(text)
        case .stringConvertible(let value): json("\(value)")
        case .array(let values): .array(values.map(json))
        case .dictionary(let values):
            .object(JSONObject(values.sorted { $0.key < $1.key }.map { ($0.key, json($0.value)) }))
        }
    }

    /// Metadata is text; what is written as a number or a truth value is one. Digests and ids have other digits or more
    /// of them than a number keeps, and stay text.
    private static func json(_ text: String) -> JSONValue {
        if text == "true" || text == "false" { return .bool(text == "true") }
        if let integer = Int(text), "\(integer)" == text, text.utf8.count < 16 { return .integer(integer) }
        if let number = Double(text), "\(number)" == text, text.utf8.count < 16 { return .number(number) }
        return .string(text)
    }
}

/// How the log is written.
enum LogFormat: String, CaseIterable, Sendable {
    case text, json

    static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
