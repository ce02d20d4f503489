import Models
import Synchronization

/// Image codes by model and picture: encoding a picture costs more than reading its prompt.
///
/// Bounded by count; the least recently used goes first. Encoding is a function of model and picture
/// alone, so a hit changes no result.
package final class EncodedImageCache: Sendable {
    private struct Key: Hashable {
        let fingerprint: String
        let digest: String
    }

    private struct State {
        var images: [Key: (image: EncodedImage, use: Int)] = [:]
        var uses = 0
        var hits = 0
        var misses = 0
    }

    private let capacity: Int
    private let state = Mutex(State())

    package init(capacity: Int = 512) { self.capacity = capacity }

    /// How often a picture was found and not found, and how many are kept.
    package var account: (hits: Int, misses: Int, count: Int) {
        state.withLock { ($0.hits, $0.misses, $0.images.count) }
    }

    /// The picture as `model` sees it: from the cache, or encoded by `encode` and kept.
    func image(
        _ digest: String, on model: VisionLanguageModel, encode: () throws -> EncodedImage
    ) throws -> EncodedImage {
        let key = Key(fingerprint: try model.fingerprint(), digest: digest)
        let found = state.withLock { state -> EncodedImage? in
            guard let entry = state.images[key] else { return nil }
            state.uses += 1
            state.hits += 1
            state.images[key] = (entry.image, state.uses)
            return entry.image
        }
        if let found { return found }
        let image = try encode()
        state.withLock { state in
            state.uses += 1
            state.misses += 1
            state.images[key] = (image, state.uses)
            if state.images.count > capacity, let oldest = state.images.min(by: { $0.value.use < $1.value.use }) {
                state.images[oldest.key] = nil
            }
        }
        return image
    }
}
