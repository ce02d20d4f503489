/// The named sets of token positions that every model knows (docs/api.md, "Interventions").
///
/// Beside these, `image[r,c]`, `image[r,*]` and `random_image(n)` name parts of the picture, and
/// `#2` behind an image role chooses the second picture of a prompt.
package enum Role: String, CaseIterable, Sendable {
    case bos
    /// The start-of-image token.
    case soi
    /// All positions strictly between start and end of the image, row breaks included.
    case image
    /// `image` without row breaks.
    case imageInner = "image_inner"
    /// The end-of-image token, [EOI].
    case eoi
    /// All positions before the image block.
    case prefix
    /// All positions after the image block.
    case text
    case lastImage = "last_image"
    /// The last position of the prompt.
    case last
    /// Positions that the run itself generates.
    case generated
    case all

    /// The names, as error messages list them.
    package static let names = allCases.map(\.rawValue).joined(separator: ", ")
}

/// The positions that an expression stands for on one prompt.
package struct PositionSet: Sendable, Equatable {
    /// Prompt positions, ascending and without doubles.
    package var prompt: [Int]
    /// Whether every generated position belongs to the set, too.
    package var generated: Bool

    package init(prompt: [Int], generated: Bool = false) {
        self.prompt = prompt
        self.generated = generated
    }

    /// `"19..<31"`, `"18"`; `generated` is added where it belongs to the set.
    package var text: String {
        let prompt = prompt.compactText
        guard generated else { return prompt }
        return prompt.isEmpty ? "generated" : "\(prompt), generated"
    }
}
