import API
import Interventions
import Jobs
import StrictJSON

/// A JSON text. What is read is written and read back as the same.
enum JSONInput {
    static func run(_ input: [UInt8]) throws {
        guard let value = try? JSONParser.parse(input) else { return }
        for text in [value.text, value.prettyText] {
            let again: JSONValue
            do { again = try JSONParser.parse(text) } catch {
                throw BrokenProperty(description: "\(text) is written and not read: \(error)")
            }
            try demand(agrees(value, again), "\(text) is written and read as \(again)")
            try demand(again.text == value.text, "\(again.text) is written for \(value.text)")
        }
    }

    /// Equal, where `1.0` and `1` are one number.
    private static func agrees(_ left: JSONValue, _ right: JSONValue) -> Bool {
        switch (left, right) {
        case (.integer(let left), .integer(let right)): left == right
        case (.array(let left), .array(let right)): left.count == right.count && zip(left, right).allSatisfy(agrees)
        case (.object(let left), .object(let right)):
            left.count == right.count
                && left.members.allSatisfy { name, value in right[name].map { agrees(value, $0) } ?? false }
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        default:
            if let left = left.doubleValue, let right = right.doubleValue { left == right } else { left == right }
        }
    }
}

/// The JSON content of a request: a job, a caption, a chat, a state or a key. The first byte chooses.
enum RequestInput {
    static func run(_ input: [UInt8]) throws {
        guard let kind = input.first else { return }
        let content = Array(input.dropFirst())
        guard let value = try? JSONParser.parse(content), case .object(let object) = value else { return }
        let fields = JSONFields(object)
        switch kind {
        case UInt8(ascii: "c"): try job(.caption, fields)
        case UInt8(ascii: "k"): try job(.knockout, fields)
        case UInt8(ascii: "p"): try job(.patch, fields)
        case UInt8(ascii: "t"): _ = try? ChatRequest(fields, defaultModel: "gate")
        case UInt8(ascii: "s"): _ = try? StateRequest(fields, defaultModel: "gate")
        case UInt8(ascii: "u"): _ = try? StateUpload(fields)
        case UInt8(ascii: "y"): try key(fields)
        default: break
        }
    }

    private static func job(_ kind: JobKind, _ fields: JSONFields) throws {
        guard let job = try? JobSpecification(kind, fields, defaultModel: "gate") else { return }
        let stored = job.json.text
        let again: JobSpecification
        do { again = try JobSpecification(kind, stored: stored) } catch {
            throw BrokenProperty(description: "\(stored) is stored and not read back: \(error)")
        }
        try demand(again == job, "\(stored) is read back as \(again)")
        try demand(again.json.text == stored, "\(again.json.text) is stored for \(stored)")
    }

    private static func key(_ fields: JSONFields) throws {
        guard let key = try? KeyRequest(fields) else { return }
        let again = try? KeyRequest(JSONField(key.json).object())
        try demand(again == key, "\(key.json.text) is read as another key")
    }
}
