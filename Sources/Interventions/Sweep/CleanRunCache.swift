package import Models
import Synchronization

/// Clean runs by content: the same picture and prompt are read once, however many variants, pairs and jobs ask for them.
///
/// The key is all that a clean run depends on: the model's fingerprint and every token that the decoder embeds, the picture's
/// among them. A clean run is always computed in the same shape (``ModelRun/cleanRun(_:keeping:)``), so a hit changes no bit
/// of any result. Bounded by bytes; the least recently used goes first.
package final class CleanRunCache: Sendable {
    private struct Key: Hashable {
        let fingerprint: String
        let tokens: [Int]
    }

    private struct State {
        var runs: [Key: (run: CleanRun, use: Int)] = [:]
        var uses = 0
        var bytes = 0
        var hits = 0
        var misses = 0
    }

    /// Bytes.
    package let budget: Int
    private let state = Mutex(State())

    /// - Parameter budget: bytes; a run that is larger is not kept.
    package init(budget: Int = 256 << 20) { self.budget = budget }

    /// How often a run was found and not found, and what is kept.
    package var account: (hits: Int, misses: Int, bytes: Int) {
        state.withLock { ($0.hits, $0.misses, $0.bytes) }
    }

    /// Whether a clean run of `prompt` is kept, whatever of it.
    package func holds(_ prompt: Prompt, of model: VisionLanguageModel) throws -> Bool {
        let key = Key(fingerprint: try model.fingerprint(), tokens: prompt.embeddingIDs)
        return state.withLock { $0.runs[key] != nil }
    }

    /// The clean run of `prompt`: found, or computed and kept.
    func run(_ prompt: Prompt, keeping extent: CleanRun.Extent, by run: ModelRun) throws -> CleanRun {
        let key = Key(fingerprint: try run.model.fingerprint(), tokens: prompt.embeddingIDs)
        let found = state.withLock { state -> CleanRun? in
            guard let entry = state.runs[key] else { return nil }
            state.uses += 1
            state.runs[key]?.use = state.uses
            return entry.run
        }
        if let found, found.covers(extent) {
            state.withLock { $0.hits += 1 }
            return found
        }
        // A run that kept too little is made again with what both need, so that two jobs do not take turns.
        let made = try run.cleanRun(prompt, keeping: found.map { extent.union($0.extent) } ?? extent)
        state.withLock { state in
            state.misses += 1
            state.uses += 1
            if let old = state.runs.removeValue(forKey: key) { state.bytes -= old.run.byteCount }
            guard made.byteCount <= budget else { return }
            state.runs[key] = (made, state.uses)
            state.bytes += made.byteCount
            while state.bytes > budget, let oldest = state.runs.min(by: { $0.value.use < $1.value.use }) {
                state.runs[oldest.key] = nil
                state.bytes -= oldest.value.run.byteCount
            }
        }
        return made
    }
}
