package import Models
package import Numerics

/// The states that the patches of some variants take, from one run of each distinct source.
package struct SourceStates {
    private struct Run {
        let source: SourceRun
        var sites: Set<RunHooks.SiteKey> = []
        var positions: Set<Int> = []
        var captures: [RunHooks.SiteKey: Matrix] = [:]
        var order: [Int] = []
    }

    private var runs: [Run] = []

    /// Runs every source that `variants` need, once.
    ///
    /// - Parameter prompt: makes the prompt of a source run, picture included.
    package init(
        for variants: [PreparedInterventions], run: ModelRun, prompt: (PromptContext) throws -> Prompt
    ) throws {
        for variant in variants {
            for (patch, source) in zip(variant.resolved.patches, variant.sources) {
                let at = index(of: source)
                runs[at].sites.formUnion(patch.layers.map { RunHooks.SiteKey(site: patch.site, layer: $0) })
                runs[at].positions.formUnion(patch.sourcePositions)
            }
        }
        for at in runs.indices {
            let source = runs[at].source
            runs[at].order = runs[at].positions.sorted()
            let inner = try SourceStates(for: [source.interventions], run: run, prompt: prompt)
            let outcome = try run.run(
                try prompt(source.context), interventions: source.interventions.resolved,
                sourceStates: inner.states(for: source.interventions),
                capture: RunHooks.CaptureRequest(sites: runs[at].sites, positions: runs[at].order))
            runs[at].captures = outcome.captures
        }
    }

    private mutating func index(of source: SourceRun) -> Int {
        if let at = runs.firstIndex(where: { $0.source == source }) { return at }
        runs.append(Run(source: source))
        return runs.count - 1
    }

    /// For each patch of `variant`, in order, its states by layer, `[positions, width]`.
    package func states(for variant: PreparedInterventions) -> [[Int: Matrix]] {
        zip(variant.resolved.patches, variant.sources).map { patch, source in
            guard let run = runs.first(where: { $0.source == source }) else { return [:] }
            var byLayer: [Int: Matrix] = [:]
            for layer in patch.layers {
                guard let all = run.captures[RunHooks.SiteKey(site: patch.site, layer: layer)] else { continue }
                var rows = Matrix(rows: patch.sourcePositions.count, columns: all.columns)
                for (row, position) in patch.sourcePositions.enumerated() {
                    if let at = run.order.firstIndex(of: position) { rows.setRow(row, all.row(at)) }
                }
                byLayer[layer] = rows
            }
            return byLayer
        }
    }
}
