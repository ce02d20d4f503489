import Foundation
import Glibc

/// The files of states: `FILE.states/<hexadecimal digits>.safetensors`, beside the database `FILE`.
///
/// A file comes into being whole or not at all: it is written under a temporary name, synced, renamed, and its folder is
/// synced, in this order. What it holds follows from its name, so writing it twice is harmless. When a file may be
/// removed is the store's decision: on the writer's connection, after the row.
struct StateFiles: Sendable {
    let folder: String

    init(database path: String) { folder = path + ".states" }

    func path(of digest: String) -> String { "\(folder)/\(digest.dropFirst("sha256:".count)).safetensors" }

    /// Whether the file is there, in its full length.
    func has(_ digest: String, bytes: Int) -> Bool {
        var status = stat()
        return stat(path(of: digest), &status) == 0 && Int(status.st_size) == bytes
    }

    /// Puts the files of states under their names, durably; those that are there stay as they are.
    ///
    /// - throws: ``StoreError/stateFile(path:reason:)``.
    func write(_ states: [NewState]) throws(StoreError) {
        var written: [String] = []
        for state in states where !has(state.digest, bytes: state.content.count) {
            if written.isEmpty { try makeFolder() }
            try write(state)
            written.append(state.digest)
        }
        guard !written.isEmpty else { return }
        // Once for all of them: until then none of them is relied on, so what was not synced must not be found later.
        do {
            try sync(folder)
        } catch {
            for digest in written { unlink(path(of: digest)) }
            throw error
        }
    }

    private func makeFolder() throws(StoreError) {
        if mkdir(folder, 0o755) == 0 {
            do {
                try sync(URL(filePath: folder).deletingLastPathComponent().path)
            } catch {
                rmdir(folder)
                throw error
            }
        } else if errno != EEXIST {
            throw Self.failure(of: folder)
        }
    }

    private func write(_ state: NewState) throws(StoreError) {
        let target = path(of: state.digest)
        let temporary = "\(target).\(UUID().uuidString).partial"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.failure(of: temporary) }
        var failure: StoreError?
        if !Self.write(state.content, to: descriptor) || fsync(descriptor) != 0 { failure = Self.failure(of: target) }
        close(descriptor)
        if failure == nil, rename(temporary, target) != 0 { failure = Self.failure(of: target) }
        if let failure {
            unlink(temporary)
            throw failure
        }
    }

    private static func write(_ content: [UInt8], to descriptor: Int32) -> Bool {
        content.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count, let base = bytes.baseAddress {
                let count = Glibc.write(descriptor, base + done, bytes.count - done)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                done += count
            }
            return true
        }
    }

    private func sync(_ folder: String) throws(StoreError) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(of: folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Self.failure(of: folder) }
    }

    func remove(_ digest: String) throws(StoreError) {
        let path = path(of: digest)
        guard unlink(path) == 0 || errno == ENOENT else { throw Self.failure(of: path) }
        // Nothing rests on it: a file that comes back with a crash has no row.
        try? sync(folder)
    }

    /// Removes what writers that died left under temporary names, and nothing else.
    func removeLeftovers() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where name.hasSuffix(".partial") && name.dropFirst(64).hasPrefix(".safetensors.") {
            unlink("\(folder)/\(name)")
        }
    }

    private static func reason() -> String { String(cString: strerror(errno)) }

    /// What the last call of the system failed with, at this file.
    private static func failure(of path: String) -> StoreError {
        errno == ENOSPC || errno == EDQUOT ? .full(reason()) : .stateFile(path: path, reason: reason())
    }
}
