package import Interventions

/// What the engine keeps between runs. Nothing in it changes a bit of a result: what is found is what would be computed.
package struct EngineCaches: Sendable {
    package let images: EncodedImageCache
    package let cleanRuns: CleanRunCache
    /// What was computed, beside what is kept of it.
    package let work = WorkMeter()

    package init(images: EncodedImageCache = EncodedImageCache(), cleanRuns: CleanRunCache = CleanRunCache()) {
        self.images = images
        self.cleanRuns = cleanRuns
    }
}
