import Interventions
import Models
import Store

/// The pictures of a trace: read as files, named by digest, encoded once.
struct TracePictures {
    private let model: VisionLanguageModel
    private var digests: [String: String] = [:]
    private var images: [String: EncodedImage] = [:]

    init(_ model: VisionLanguageModel) { self.model = model }

    /// Reads and encodes a picture.
    ///
    /// - throws: ``CommandError`` that names the file.
    mutating func add(_ path: String) throws {
        guard digests[path] == nil else { return }
        let content = try PictureReferences.file(path)
        let digest = try ContentDigest.of(content)
        do { if images[digest] == nil { images[digest] = try model.encode(file: content) } } catch {
            throw CommandError("\(path): \(error)")
        }
        digests[path] = digest
    }

    /// Reads the pictures of the set's source runs, which are paths of files here, and puts their digests in their place.
    mutating func resolve(_ set: inout InterventionSet) throws {
        for index in set.patches.indices {
            guard var source = set.patches[index].source, source.state == nil else { continue }
            if let path = source.image {
                guard !path.hasPrefix("data:"), !path.hasPrefix("sha256:") else {
                    throw CommandError("patches[\(index)].source.image: a trace takes files; give a picture's path")
                }
                try add(path)
                source.image = try digest(of: path)
            }
            if var inner = source.interventions {
                try resolve(&inner)
                source.interventions = inner
            }
            set.patches[index].source = source
        }
    }

    /// - throws: ``CommandError`` for a picture that was not added.
    func digest(of path: String) throws(CommandError) -> String {
        guard let digest = digests[path] else { throw CommandError("\(path) was not read") }
        return digest
    }

    func encoded(_ path: String) throws(CommandError) -> EncodedImage { try encoded(digest: try digest(of: path)) }

    /// - throws: ``CommandError`` for a picture that was not added.
    func encoded(digest: String) throws(CommandError) -> EncodedImage {
        guard let image = images[digest] else { throw CommandError("there is no image \(digest) here") }
        return image
    }
}
