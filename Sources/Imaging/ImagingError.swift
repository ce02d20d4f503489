import StrictJSON

/// Why a picture or a preprocessing recipe cannot be used.
package struct ImagingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of fault, so that a caller can choose an answer without reading the sentence.
    package enum Kind: Sendable, Equatable {
        /// The bytes are neither PNG nor JPEG.
        case notAnImage
        /// A PNG or JPEG that is damaged or cut off.
        case damaged
        /// A picture beyond the limits.
        case tooLarge
        /// A recipe that is contradictory or not supported.
        case recipe
    }

    package let kind: Kind
    /// What was wrong and what would be right, as a sentence.
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    init(_ error: JSONError) { self.init(.recipe, error.description) }
}
