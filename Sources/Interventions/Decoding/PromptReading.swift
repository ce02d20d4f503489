import Models

/// A prompt that has been read under a variant: what it gave, and all that its continuation goes on from.
package struct PromptReading {
    /// What the prompt's pass gave; nothing is generated yet.
    package let outcome: RunOutcome
    let hooks: RunHooks
    let cache: KVCache
}

extension ModelRun {
    /// Reads a prompt from its first token, all rows together.
    ///
    /// - Parameters: as ``run(_:interventions:sourceStates:generation:measuring:onToken:)``.
    /// - throws: what `boundary` throws.
    package func reading(_ variant: SweepVariant) throws -> PromptReading {
        let prompt = variant.prompt
        let pass = try read(
            prompt, interventions: variant.interventions, sourceStates: variant.sourceStates,
            measuring: variant.measurements, recording: nil)
        pass.hooks.endReading()
        // What was read is shared by what follows, so that no copy of it is made when that grows.
        let whole = Cone.whole(tokens: prompt.layout.tokens, layers: model.decoder.configuration.layers)
        return PromptReading(
            outcome: RunOutcome(
                nextToken: pass.nextToken, generation: nil, receipt: pass.hooks.receipt,
                measurements: pass.measurements, rowsComputed: prompt.layout.tokens),
            hooks: pass.hooks, cache: KVCache(sharing: pass.cache, first: whole.first.map { _ in whole.tokens }))
    }
}
