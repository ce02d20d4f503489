/// An intervention that is understood but cannot be done on this model and prompt.
///
/// `path` names the field as the request spelled it (`variants[0].knockouts[0].keys`); `detail` says
/// what it held and what would be right.
package struct InterventionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of impossibility; each has a page under docs/errors.
    package enum Code: String, Sendable, CaseIterable {
        case unknownRole = "unknown_role"
        case unresolvedRole = "unresolved_role"
        case positionOutOfRange = "position_out_of_range"
        case layerOutOfRange = "layer_out_of_range"
        case headOutOfRange = "head_out_of_range"
        case unknownSite = "unknown_site"
        case unknownMode = "unknown_mode"
        case unknownVariant = "unknown_variant"
        case nothingToDo = "nothing_to_do"
        case overlappingPatches = "overlapping_patches"
        case positionCountMismatch = "position_count_mismatch"
        case missingSource = "missing_source"
        case unknownState = "unknown_state"
        case stateMismatch = "state_mismatch"
        case tooManyValues = "too_many_values"
        case unsupported = "unsupported_intervention"
        case unknownToken = "unknown_token"
        case unknownPreset = "unknown_preset"
        case promptTooLong = "prompt_too_long"
        case imageCountMismatch = "image_count_mismatch"
        case invalidPrompt = "invalid_prompt"
    }

    package let code: Code
    package let path: String
    package let detail: String

    package init(_ code: Code, at path: String, _ detail: String) {
        self.code = code
        self.path = path
        self.detail = detail
    }

    package var description: String { path.isEmpty ? detail : "\(path): \(detail)" }
}
