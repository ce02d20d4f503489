import Foundation
import Glibc
import StrictJSON

/// Digests of large files, remembered under path, size, modification time and inode in a small JSON file.
///
/// A remembered digest is used only while all four still agree, so replaced, edited and touched files are hashed
/// again. A cache file that is missing, damaged or cannot be written costs time, never an error.
package struct DigestCache: Sendable {
    /// The cache file; `nil` remembers nothing.
    package let path: String?

    package init(path: String?) { self.path = path }

    /// What identifies a file's content without reading it.
    private struct Identity: Equatable {
        let bytes: Int
        let modified: Int  // nanoseconds since 1970
        let inode: Int
        let device: Int

        init?(of path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            bytes = Int(status.st_size)
            modified = Int(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int(status.st_mtim.tv_nsec)
            inode = Int(truncatingIfNeeded: status.st_ino)
            device = Int(truncatingIfNeeded: status.st_dev)
        }

        init?(_ value: JSONValue) {
            guard let bytes = value["bytes"]?.integerValue, let modified = value["modified_ns"]?.integerValue,
                let inode = value["inode"]?.integerValue, let device = value["device"]?.integerValue
            else { return nil }
            (self.bytes, self.modified, self.inode, self.device) = (bytes, modified, inode, device)
        }
    }

    /// The SHA-256 of each file's content, in the order of `paths`.
    ///
    /// - throws: ``CheckpointError`` where a file cannot be read.
    package func digests(of paths: [String]) throws -> [String] {
        var entries = load()
        var changed = false
        let digests = try paths.map { path in
            let key = URL(fileURLWithPath: path).standardizedFileURL.path
            let before = Identity(of: path)
            if let before, let entry = entries[key], Identity(entry) == before,
                let digest = entry["sha256"]?.stringValue, digest.utf8.count == 64
            {
                return digest
            }
            let digest = try SHA256.digest(ofFile: path)
            // A file that changed while it was read is not remembered.
            if let before, Identity(of: path) == before {
                entries[key] = [
                    "bytes": .integer(before.bytes), "modified_ns": .integer(before.modified),
                    "inode": .integer(before.inode), "device": .integer(before.device), "sha256": .string(digest),
                ]
                changed = true
            }
            return digest
        }
        if changed { save(entries) }
        return digests
    }

    private func load() -> JSONObject {
        guard let path, let value = try? ConfigurationReader.parse(path), case .object(let object) = value,
            object["version"] == 1, let files = object["files"]?.objectValue
        else { return JSONObject() }
        return files
    }

    private func save(_ entries: JSONObject) {
        guard let path else { return }
        let document: JSONValue = ["version": 1, "files": .object(entries)]
        try? Data(document.prettyText.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}
