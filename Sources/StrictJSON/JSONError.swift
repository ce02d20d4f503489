/// What is wrong with a JSON text, or with one field of it.
package struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of fault, so that a caller can choose an answer without reading the sentence.
    package enum Kind: Sendable, Equatable {
        /// The text is no JSON document, or one beyond the limits.
        case malformed
        /// A member that this object does not have.
        case unknownField
        /// A member that this object must have.
        case missingField
        /// A value of another JSON type than the field takes.
        case wrongType
        /// A value of the right type that the field does not take.
        case invalidValue
    }

    package let kind: Kind
    /// Where, as `variants[0].knockouts[0].keys`; empty for the document itself.
    package let path: String
    /// What was wrong and what would be right, as the end of a sentence that begins with the path.
    package let problem: String
    /// A name for this very fault, where whoever reads the field has one: `unknown_site`.
    package let code: String?

    package init(_ kind: Kind, at path: String, _ problem: String, code: String? = nil) {
        self.kind = kind
        self.path = path
        self.problem = problem
        self.code = code
    }

    package var description: String {
        path.isEmpty ? problem : "\(path): \(problem)"
    }
}
