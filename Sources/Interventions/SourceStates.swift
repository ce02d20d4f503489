package import Models
import Numerics

/// What a run's patches put in and its steers add, ready to be put in and added.
package struct RunStates: Sendable {
    /// For each patch, in order, its states by layer, `[positions, width]`.
    var patches: [[Int: Matrix]] = []
    /// For each steer, in order, its direction by layer, `[1 or prompt positions, width]`.
    var directions: [[Int: Matrix]] = []

    package static let none = RunStates()
}

/// The states that the interventions of some variants take: from one run of each distinct source, and from stored states.
package struct SourceStates {
    private struct Run {
        let source: SourceRun
        var sites: Set<SiteKey> = []
        var positions: Set<Int> = []
        var states: [SiteKey: Matrix] = [:]
        var order: [Int] = []
    }

    private var runs: [Run] = []
    private let stored: [String: StateTensor]

    /// Runs every source that `variants` need, once.
    ///
    /// - Parameters:
    ///   - states: the stored states that the variants name (``PreparedInterventions/states``), as they were described
    ///     when the variants were prepared.
    ///   - cleanRuns: where clean sources are looked for before they are run.
    ///   - sweeps: whether sources with interventions of their own are computed over their clean runs, as a job's variants and
    ///     captured states are; otherwise from their first tokens.
    ///   - prompt: makes the prompt of a source run, picture included.
    package init(
        for variants: [PreparedInterventions], run: ModelRun, states: [String: StateTensor] = [:],
        cleanRuns: CleanRunCache? = nil, sweeps: Bool = false, prompt: (PromptContext) throws -> Prompt
    ) throws {
        stored = states
        for variant in variants {
            if let missing = variant.states.first(where: { states[$0] == nil }) {
                throw InterventionError(.unknownState, at: "", "there is no state \(missing)")
            }
            for case (let patch, .run(let source)) in zip(variant.resolved.patches, variant.sources) {
                let at = index(of: source)
                runs[at].sites.formUnion(patch.layers.map { SiteKey(site: patch.site, layer: $0) })
                runs[at].positions.formUnion(patch.sourcePositions)
            }
        }
        for at in runs.indices {
            let source = runs[at].source
            runs[at].order = runs[at].positions.sorted()
            let recording = StateRecording(sites: runs[at].sites, positions: runs[at].order)
            if let cleanRuns, source.interventions.isEmpty {
                let prompt = try prompt(source.context)
                runs[at].states = try cleanRuns.run(
                    prompt, keeping: .holding(recording, tokens: prompt.layout.tokens), by: run
                ).states(at: recording)
                continue
            }
            let inner = try SourceStates(
                for: [source.interventions], run: run, states: states, cleanRuns: cleanRuns, sweeps: sweeps,
                prompt: prompt)
            if let cleanRuns, sweeps {
                runs[at].states = try Sweep(run, cleanRuns: cleanRuns).states(
                    at: recording, of: try prompt(source.context), under: source.interventions.resolved,
                    sourceStates: inner.states(for: source.interventions))
                continue
            }
            runs[at].states = try run.states(
                at: recording, of: try prompt(source.context),
                under: source.interventions.resolved, sourceStates: inner.states(for: source.interventions))
        }
    }

    private mutating func index(of source: SourceRun) -> Int {
        if let at = runs.firstIndex(where: { $0.source == source }) { return at }
        runs.append(Run(source: source))
        return runs.count - 1
    }

    /// What the interventions of `variant`, one of those that this was made for, take.
    package func states(for variant: PreparedInterventions) -> RunStates {
        RunStates(
            patches: zip(variant.resolved.patches, variant.sources).map { patch, source in
                byLayer(patch.layers) { layer in
                    switch source {
                    case .state(let name):
                        return stored[name]?.rows(atLayer: layer).map { $0.rows(at: patch.sourcePositions) }
                    case .run(let source):
                        guard let run = runs.first(where: { $0.source == source }),
                            let all = run.states[SiteKey(site: patch.site, layer: layer)]
                        else { return nil }
                        return all.rows(at: patch.sourcePositions.compactMap { run.order.firstIndex(of: $0) })
                    }
                }
            },
            directions: variant.resolved.steers.map { steer in
                byLayer(steer.layers) { stored[steer.direction]?.rows(atLayer: $0) }
            })
    }

    private func byLayer(_ layers: [Int], _ states: (Int) -> Matrix?) -> [Int: Matrix] {
        layers.reduce(into: [:]) { $0[$1] = states($1) }
    }
}

extension Matrix {
    /// The rows of some indices, in their order.
    func rows(at indices: [Int]) -> Matrix {
        var rows = Matrix(rows: indices.count, columns: columns)
        for (row, index) in indices.enumerated() { rows.setRow(row, self.row(index)) }
        return rows
    }
}
