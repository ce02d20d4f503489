/// Why a model cannot be loaded, or cannot run what it was asked to.
package struct ModelError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of fault, so that a caller can choose an answer without reading the sentence.
    package enum Kind: Sendable, Equatable {
        /// The model folder's files are missing, contradict each other or ask for what this engine does not do.
        case configuration
        /// The prompt's text does not fit the model or the pictures that came with it.
        case prompt
        /// The picture does not fit the model.
        case image
        /// The sequence is longer than the model's positions.
        case length
    }

    package let kind: Kind
    /// The file, field or tensor concerned, if one is.
    package let subject: String?
    /// What was wrong and what would be right, as the end of a sentence.
    package let problem: String

    package init(_ kind: Kind, at subject: String? = nil, _ problem: String) {
        self.kind = kind
        self.subject = subject
        self.problem = problem
    }

    package var description: String { subject.map { "\($0): \(problem)" } ?? problem }
}
