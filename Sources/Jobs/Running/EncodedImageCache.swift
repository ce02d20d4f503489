package import Models
import Synchronization

/// Image codes by model and picture: encoding a picture costs more than reading its prompt.
///
/// Codes alone, without the pixels that they were made of. Bounded by bytes; the least recently used goes first. Encoding is
/// a function of model and picture alone, so a hit changes no result.
package final class EncodedImageCache: Sendable {
    private struct Key: Hashable {
        let fingerprint: String
        let digest: String
    }

    private struct State {
        var images: [Key: (image: EncodedImage, use: Int)] = [:]
        var uses = 0
        var bytes = 0
        var hits = 0
        var misses = 0
    }

    private let budget: Int
    private let state = Mutex(State())

    /// - Parameter budget: bytes.
    package init(budget: Int = EngineBudgets().imageCodes) { self.budget = budget }

    /// How many pictures are kept and what they take, and how often a run found its picture or had to encode it.
    package var account: (images: Int, bytes: Int, hits: Int, misses: Int) {
        state.withLock { ($0.images.count, $0.bytes, $0.hits, $0.misses) }
    }

    /// The picture if it is there; for a plan, which counts as no use of the cache.
    package func found(_ digest: String, on model: VisionLanguageModel) throws -> EncodedImage? {
        let key = Key(fingerprint: try model.fingerprint(), digest: digest)
        return state.withLock { state in
            guard let entry = state.images[key] else { return nil }
            state.uses += 1
            state.images[key] = (entry.image, state.uses)
            return entry.image
        }
    }

    /// The picture as `model` sees it: from the cache, or encoded by `encode` and kept. Its pixels are left out.
    package func image(
        _ digest: String, on model: VisionLanguageModel, encode: () throws -> EncodedImage
    ) throws -> EncodedImage {
        let found = try found(digest, on: model)
        state.withLock { state in
            if found == nil { state.misses += 1 } else { state.hits += 1 }
        }
        if let found { return found }
        let encoded = try encode()
        let image = EncodedImage(
            pixelValues: [], height: encoded.height, width: encoded.width, codes: encoded.codes,
            tokenIDs: encoded.tokenIDs)
        let key = Key(fingerprint: try model.fingerprint(), digest: digest)
        state.withLock { state in
            state.uses += 1
            if let old = state.images.removeValue(forKey: key) { state.bytes -= Self.bytes(of: old.image) }
            guard Self.bytes(of: image) <= budget else { return }
            state.images[key] = (image, state.uses)
            state.bytes += Self.bytes(of: image)
            while state.bytes > budget, let oldest = state.images.min(by: { $0.value.use < $1.value.use }) {
                state.images[oldest.key] = nil
                state.bytes -= Self.bytes(of: oldest.value.image)
            }
        }
        return image
    }

    private static func bytes(of image: EncodedImage) -> Int {
        MemoryLayout<Int>.stride * (image.codes.count + image.tokenIDs.count)
    }
}
