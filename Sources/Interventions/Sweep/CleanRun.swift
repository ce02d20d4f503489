import Models
import Numerics

/// A prompt's run without interventions, with what variants and patches take from it.
package struct CleanRun: Sendable {
    /// After the last position.
    package let nextToken: NextTokenDistribution
    let tokens: Int
    /// Keys and values of the whole prompt.
    let cache: KVCache
    /// The residual stream that enters each layer, from position `keptFrom` on, `[positions, hidden]`.
    let entering: [Matrix]
    let keptFrom: Int
    /// States that patches elsewhere take from this run.
    let recorded: [SiteKey: Matrix]
    let recording: StateRecording

    /// What is kept of a run beside its keys and values.
    struct Extent: Sendable, Equatable {
        /// The first position whose states on entering each layer are kept.
        var keptFrom: Int
        var recording = StateRecording(sites: [], positions: [])

        /// What holds some states. The residual stream that enters layers is kept from a position on, as for variants, so
        /// that one run serves as a pair's base and as another pair's source.
        static func holding(_ asked: StateRecording, tokens: Int) -> Extent {
            guard asked.sites.allSatisfy({ $0.site == .residIn }) else {
                return Extent(keptFrom: asked.positions.first ?? tokens, recording: asked)
            }
            return Extent(keptFrom: asked.positions.first ?? tokens)
        }

        /// Keeps what either keeps.
        func union(_ other: Extent) -> Extent {
            Extent(
                keptFrom: min(keptFrom, other.keptFrom),
                recording: StateRecording(
                    sites: recording.sites.union(other.recording.sites),
                    positions: Set(recording.positions).union(other.recording.positions).sorted()))
        }
    }

    var extent: Extent { Extent(keptFrom: keptFrom, recording: recording) }

    /// Whether nothing of `asked` is missing.
    func covers(_ asked: Extent) -> Bool {
        keptFrom <= asked.keptFrom && asked.recording.sites.isSubset(of: recording.sites)
            && Set(asked.recording.positions).isSubset(of: recording.positions)
    }

    /// States that were asked for (``Extent/holding(_:tokens:)``), `[positions, width]` by site and layer.
    func states(at asked: StateRecording) -> [SiteKey: Matrix] {
        let rows = asked.positions.compactMap { recording.positions.firstIndex(of: $0) }
        return asked.sites.reduce(into: [:]) { states, key in
            if key.site == .residIn, let first = asked.positions.first, first >= keptFrom {
                states[key] = entering[key.layer].rows(at: asked.positions.map { $0 - keptFrom })
            } else {
                states[key] = recorded[key]?.rows(at: rows)
            }
        }
    }

    /// The state of some positions at a site, `[positions, width]`; `nil` where it was not kept.
    func state(at key: SiteKey, _ positions: [Int]) -> Matrix? {
        let asked = StateRecording(sites: [key], positions: positions)
        guard covers(.holding(asked, tokens: tokens)) else { return nil }
        return states(at: asked)[key]
    }

    /// The states of a layer's input that join a variant there, `[positions, hidden]`.
    func states(entering layer: Int, _ positions: Range<Int>) -> Matrix {
        entering[layer].rows(positions.lowerBound - keptFrom..<positions.upperBound - keptFrom)
    }

    /// What it takes to keep it.
    package var byteCount: Int {
        let states =
            entering.reduce(0) { $0 + $1.elements.count } + recorded.values.reduce(0) { $0 + $1.elements.count }
        return cache.byteCount + 4 * states + 4 * nextToken.logits.count
    }
}

extension ModelRun {
    /// The clean run of a prompt, always computed alone and from its first token: its bits depend on nothing else.
    func cleanRun(_ prompt: Prompt, keeping extent: CleanRun.Extent) throws -> CleanRun {
        let configuration = model.decoder.configuration
        let tokens = prompt.layout.tokens
        let entering = StateRecording(
            sites: Set((0..<configuration.layers).map { SiteKey(site: .residIn, layer: $0) }),
            positions: Array(extent.keptFrom..<tokens))
        let hooks = RunHooks(
            .none, states: .none, promptTokens: tokens, configuration: configuration,
            recordings: [entering, extent.recording], boundary: boundary)
        var cache = KVCache(configuration: configuration)
        let nextToken = try timed(.reading(tokenLayers: tokens * configuration.layers)) {
            distribution(
                after: try model.decoder.forward(
                    model.decoder.embed(prompt.embeddingIDs), cache: &cache, hooks: hooks, reading: .last))
        }
        let empty = Matrix(rows: 0, columns: configuration.hidden)
        return CleanRun(
            nextToken: nextToken, tokens: tokens, cache: cache,
            entering: (0..<configuration.layers).map {
                hooks.states.states[0][SiteKey(site: .residIn, layer: $0)] ?? empty
            },
            keptFrom: extent.keptFrom, recorded: hooks.states.states[1], recording: extent.recording)
    }
}
