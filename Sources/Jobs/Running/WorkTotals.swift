package import Metrics
import Store

/// What this process has computed since it began, for whoever watches it.
package struct WorkTotals: Sendable {
    /// Cells by kind and status.
    package let cells = CounterFamily("kind", "status")
    /// Tokens by kind of job and by what they were: `prompt` or `generated`.
    package let tokens = CounterFamily("kind", "part")
    /// Prompt tokens of variants that were taken from a clean run, keys and values included.
    package let reusedTokens = Counter()

    package init() {}

    func count(_ cells: [CellRecord]) {
        for cell in cells { self.cells.add(cell.kind, cell.status.rawValue) }
    }

    /// - Parameter reused: how many of the prompt's tokens were not computed.
    func count(_ kind: JobKind, prompt: Int, generated: Int, reused: Int = 0) {
        tokens.add(kind.rawValue, "prompt", count: prompt)
        tokens.add(kind.rawValue, "generated", count: generated)
        reusedTokens.add(reused)
    }
}
