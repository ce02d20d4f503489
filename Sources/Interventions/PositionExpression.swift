package import StrictJSON

/// Which token positions an intervention speaks of: a role, an index, a range, or a list of these.
///
/// Role names stay text until they meet a prompt (``PositionResolver``), because which roles exist
/// depends on the model and the prompt.
///
///     "eoi"   "eoi#2"   "image[3,*]"   "random_image(10)"   19   "19..<31"   ["eoi", "last"]
package indirect enum PositionExpression: Sendable, Equatable {
    case role(String)
    case index(Int)
    /// Half-open; `"19...30"` is kept as 19..<31.
    case range(Range<Int>)
    case list([PositionExpression])

    static let maximumCount = 65_536

    /// Reads a role expression (wire vocabulary, "role expression").
    ///
    /// - throws: ``JSONError`` naming the field if it is none of the forms.
    package init(_ field: JSONField) throws(JSONError) {
        switch field.value {
        case .integer, .number:
            self = .index(try IndexRange.index(field))
        case .array:
            let elements = try field.array()
            guard !elements.isEmpty else { throw field.invalid("the list is empty; name at least one position") }
            guard elements.count <= Self.maximumCount else {
                throw field.invalid("\(elements.count) elements; at most \(Self.maximumCount): write ranges")
            }
            var list: [PositionExpression] = []
            for element in elements { list.append(try PositionExpression(element)) }
            self = .list(list)
        case .string(let text):
            if let index = try IndexRange.index(text, field: field) {
                self = .index(index)
            } else if let range = try IndexRange.parse(text, field: field) {
                self = .range(range)
            } else {
                self = .role(text)
            }
        default:
            throw field.wrongType("a role, an index, a range or a list of these")
        }
    }

    /// The expression as a request spells it.
    package var json: JSONValue {
        switch self {
        case .role(let name): .string(name)
        case .index(let index): .integer(index)
        case .range(let range): .string(IndexRange.text(range))
        case .list(let list): .array(list.map(\.json))
        }
    }
}

/// Ranges in text: `"8..<16"`, `"8...15"`, and `"8..."` to the end.
enum IndexRange {
    /// The upper bound of a range whose end is known only where it is resolved.
    static let open = Int(Int32.max)

    /// An index from the front; there is none from the back.
    static func index(_ field: JSONField) throws(JSONError) -> Int {
        let index = try field.integer()
        guard index >= 0, index < open else {
            throw field.invalid("\(index) is no index; they count from 0 at the front")
        }
        return index
    }

    /// The index in `text`, or `nil` if it is not written as one.
    static func index(_ text: String, field: JSONField) throws(JSONError) -> Int? {
        guard let index = Int(text), index >= 0 else { return nil }
        guard index < open else { throw field.invalid("\(index) is no index; they end before \(open)") }
        return index
    }

    /// The range as a request spells it.
    static func text(_ range: Range<Int>) -> String {
        range.upperBound == open ? "\(range.lowerBound)..." : "\(range.lowerBound)..<\(range.upperBound)"
    }

    /// The range in `text`, or `nil` if it is not written as one.
    ///
    /// - throws: ``JSONError`` for a range that is empty or runs backwards.
    static func parse(_ text: String, field: JSONField) throws(JSONError) -> Range<Int>? {
        for (mark, closed) in [("..<", false), ("...", true)] {
            guard let at = text.firstRange(of: mark) else { continue }
            if closed, at.upperBound == text.endIndex, let lower = Int(text[..<at.lowerBound]),
                (0..<open).contains(lower)
            {
                return lower..<open
            }
            guard let lower = Int(text[..<at.lowerBound]), let bound = Int(text[at.upperBound...]),
                lower >= 0, bound >= 0, bound < open
            else { throw field.invalid("\"\(text)\" is no range; write \"8..<16\" or \"8...15\"") }
            let upper = closed ? bound + 1 : bound
            guard lower < upper else { throw field.invalid("the range \"\(text)\" is empty") }
            return lower..<upper
        }
        return nil
    }
}

extension Sequence where Element == Int {
    /// Sorted indices as people read them: `"19..<31"`, `"5"`, `"2, 5..<8"`.
    package var compactText: String {
        var parts: [String] = []
        var run: Range<Int>?
        func flush(_ run: Range<Int>?) {
            guard let run else { return }
            parts.append(run.count == 1 ? "\(run.lowerBound)" : "\(run.lowerBound)..<\(run.upperBound)")
        }
        for index in self {
            if let current = run, index == current.upperBound {
                run = current.lowerBound..<(index + 1)
            } else {
                flush(run)
                run = index..<(index + 1)
            }
        }
        flush(run)
        return parts.joined(separator: ", ")
    }
}
