/// What a job does with its inputs.
package enum JobKind: String, Sendable, CaseIterable {
    case caption, knockout, patch
}
