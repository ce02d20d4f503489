package import Models

/// A piece of an engine's work, with what its price depends on.
package enum Work: Sendable, Equatable {
    /// A picture that is encoded.
    case encoding
    /// A prompt that is read from its first token, all rows at once, in token-layers.
    case reading(tokenLayers: Int)
    /// A pass of rows in tiles: a token of each sequence that is decoded, or a stack's rows, in the mean over the layers.
    case pass(rows: Int)
    /// A text that ended: by itself, or because it was as long as it might be.
    case text(tokens: Int, isWhole: Bool)
}

/// Takes in what pieces of work took.
package protocol WorkMeter: Sendable {
    /// - Parameter seconds: without what others did at the work's boundaries; 0 for a text.
    func report(_ work: Work, on model: VisionLanguageModel, seconds: Double)
}

/// Time that a run spent at its boundaries, on others' work.
final class BoundaryPauses {
    var seconds = 0.0
}
