package import Interventions

/// How fast this machine does each kind of a model's work: measured, never assumed. Recent work counts most.
package struct WorkRates: Sendable, Equatable {
    /// Seconds for a picture.
    package private(set) var encoding: Double?
    /// Seconds for a token-layer of a prompt that is read at once.
    package private(set) var reading: Double?
    /// Seconds for a pass through all layers, by the number of rows. Few rows cost what one does: the weights are read once.
    package private(set) var passes: [Int: Double] = [:]
    /// Tokens of a text.
    package private(set) var textLength: Double?
    /// Seconds for a result row beside the passes that it rests on, and for a group of cells outside the engine. Until a job has
    /// been measured they are guesses.
    package private(set) var cell = 0.0005
    package private(set) var group = 0.008

    package init() {}

    /// Takes in what a piece of work took.
    package mutating func add(_ work: Work, seconds: Double) {
        switch work {
        case .encoding: encoding = Self.mean(encoding, seconds)
        case .reading(let tokenLayers) where tokenLayers > 0:
            reading = Self.mean(reading, seconds / Double(tokenLayers))
        case .pass(let rows) where rows > 0:
            let at = Self.bucket(rows)
            passes[at] = Self.mean(passes[at], seconds * Double(at) / Double(rows))
        case .text(let tokens, isWhole: true): textLength = Self.mean(textLength, Double(tokens))
        // It would have gone on.
        case .text(let tokens, isWhole: false): textLength = max(textLength ?? 0, Double(tokens))
        // A process's first job, or a disk that was waited for, is not what the next one takes: more is believed when it comes again.
        case .cells(let count) where count > 0: cell = Self.mean(cell, min(seconds / Double(count), 3 * cell))
        case .group: group = Self.mean(group, min(seconds, 3 * group))
        case .reading, .pass, .cells: break
        }
    }

    private static func mean(_ old: Double?, _ new: Double) -> Double { old.map { 0.7 * $0 + 0.3 * new } ?? new }

    /// Numbers of rows that are told apart: each up to 16, then powers of two.
    private static func bucket(_ rows: Int) -> Int {
        guard rows > 16 else { return rows }
        let below = 1 << (Int.bitWidth - 1 - rows.leadingZeroBitCount)
        return rows - below < 2 * below - rows ? below : 2 * below
    }

    /// Seconds for a pass of so many rows: between two numbers that were measured on the line between them, beyond the
    /// largest in proportion.
    package func pass(rows: Int) -> Double {
        let known = passes.sorted { $0.key < $1.key }
        guard let first = known.first, let last = known.last, rows > 0 else { return 0 }
        guard rows > first.key else { return first.value }
        guard rows < last.key else { return last.value * Double(rows) / Double(last.key) }
        let upper = known.firstIndex { $0.key >= rows } ?? known.endIndex - 1
        let (below, above) = (known[upper - 1], known[upper])
        let share = Double(rows - below.key) / Double(above.key - below.key)
        return below.value + share * (above.value - below.value)
    }

    /// Seconds for some work.
    package func seconds(for work: PlannedWork) -> Double {
        let steps = textLength.map { min($0, Double(work.maximumTokens)) } ?? Double(work.maximumTokens)
        return Double(work.encodings) * (encoding ?? 0) + Double(work.tokenLayersRead) * (reading ?? 0)
            + work.passes.reduce(0) { $0 + Double($1.value) * pass(rows: $1.key) }
            + work.texts.reduce(0) { $0 + steps * Double($1.value) * pass(rows: $1.key) }
            + Double(work.cells) * cell + Double(work.groups) * group
    }
}

/// The work of a job, by kind.
package struct PlannedWork: Sendable, Equatable {
    /// Pictures whose codes are not at hand.
    package var encodings = 0
    /// Token-layers of prompts that are read from their first tokens.
    package var tokenLayersRead = 0
    /// Passes of stacks, by their rows in the mean over the layers.
    package var passes: [Int: Int] = [:]
    /// Texts that are decoded together, by their number.
    package var texts: [Int: Int] = [:]
    /// The most tokens of a text.
    package var maximumTokens = 0
    /// Result rows, and the groups that they are recorded in.
    package var cells = 0
    package var groups = 0

    package init() {}
}
