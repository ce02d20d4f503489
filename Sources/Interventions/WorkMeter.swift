package import Models
import Synchronization

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
    /// Result rows that are made of what was computed: all that a group of cells takes on the engine beside the pieces above.
    case cells(Int)
    /// A group of cells outside the engine: what it needs is fetched, what it gave recorded; a job's beginning and end go with its
    /// first and last.
    case group
}

/// Takes in what pieces of work took.
package protocol WorkMeter: Sendable {
    /// - Parameter seconds: without what others did at the work's boundaries; 0 for a text.
    func report(_ work: Work, on model: VisionLanguageModel, seconds: Double)
}

/// Passes reports on, and adds their seconds up.
package final class TallyingMeter: WorkMeter {
    private let next: any WorkMeter
    private let tally = Mutex(0.0)

    package init(_ next: any WorkMeter) { self.next = next }

    package var seconds: Double { tally.withLock { $0 } }

    package func report(_ work: Work, on model: VisionLanguageModel, seconds: Double) {
        tally.withLock { $0 += seconds }
        next.report(work, on: model, seconds: seconds)
    }
}

/// Time that a run spent at its boundaries, on others' work.
final class BoundaryPauses {
    var seconds = 0.0
}
