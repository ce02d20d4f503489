import StrictJSON

/// What is wrong with a tokenizer file, or with a text for it.
package struct TokenizationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The field of `tokenizer.json` (`pre_tokenizer.pretokenizers[1].pattern`); empty where none is meant.
    package let field: String
    /// What was wrong and what would be right, as the end of a sentence.
    package let problem: String

    package init(field: String, _ problem: String) {
        self.field = field
        self.problem = problem
    }

    init(_ error: JSONError) { self.init(field: error.path, error.problem) }

    package var description: String { field.isEmpty ? problem : "\(field): \(problem)" }
}
