package import Interventions

/// What the engine keeps between runs. Nothing in it changes a bit of a result: what is found is what would be computed.
package struct EngineCaches: Sendable {
    package let images: EncodedImageCache
    package let cleanRuns: CleanRunCache
    /// What was computed, beside what is kept of it.
    package let work = WorkTotals()

    package init(_ budgets: EngineBudgets = EngineBudgets()) {
        images = EncodedImageCache(budget: budgets.imageCodes)
        cleanRuns = CleanRunCache(budget: budgets.cleanRuns)
    }
}

/// The bytes that the engine may keep, beside the models and what the run at hand needs.
package struct EngineBudgets: Sendable, Equatable {
    /// Of prompts' clean runs: a run of 12 layers of 1024 in bfloat16 has 51 MB at 1045 tokens.
    package var cleanRuns = 256 << 20
    /// Of pictures' codes: a picture of 1024 has 16 kB.
    package var imageCodes = 16 << 20
    /// Of keys and values of captions that are decoded together.
    package var captions = 2 << 30

    package init() {}
}

extension DecodingLimits {
    package init(_ budgets: EngineBudgets) { self.init(bytes: budgets.captions) }
}
