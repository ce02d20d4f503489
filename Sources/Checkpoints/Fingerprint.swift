import Foundation

extension Checkpoint {
    /// The small files of a model folder that take part in its fingerprint, where they are there.
    package static let fingerprintedFiles = [
        "config.json", "model.safetensors.index.json", "preprocessor_config.json", "processor_config.json",
        "tokenizer.json",
    ]

    /// `sha256:` and the digest of what makes this model compute what it computes: configuration, tokenizer,
    /// preprocessor, and the content of each shard.
    ///
    /// The digest is over one line a file, `name NUL digest LF`, in the order of names, so it does not depend on where
    /// the folder is. Shards are hashed only if `cache` does not remember them: this may read many gigabytes, so
    /// call it from a thread that may wait, and not at start-up.
    package func fingerprint(cache: DigestCache) throws -> String {
        var lines: [(name: String, digest: String)] = []
        for name in Self.fingerprintedFiles {
            let path = directory + "/" + name
            if FileManager.default.fileExists(atPath: path) {
                lines.append((name, try SHA256.digest(ofFile: path)))
            }
        }
        let paths = shards.map(\.path)
        for (path, digest) in zip(paths, try cache.digests(of: paths)) {
            lines.append((URL(fileURLWithPath: path).lastPathComponent, digest))
        }
        lines.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let hash = SHA256()
        for (name, digest) in lines { hash.update(Array("\(name)\0\(digest)\n".utf8)) }
        return "sha256:" + hash.finish()
    }
}
