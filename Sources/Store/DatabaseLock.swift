import Foundation
import Glibc

/// The right of one process to write a database: an `flock` on `FILE.lock`, held for as long as this value lives.
///
/// SQLite's own locks let two processes write in turn, but narrowgate's rules ask for one: the writer's connection is the
/// only checkpointer, and whoever opens a database for writing takes every lease in it as abandoned. The kernel drops the
/// lock with the process, however it ends, so a leftover file means nothing. Readers never look at it.
final class DatabaseLock: Sendable {
    private let descriptor: Int32

    /// - throws: ``StoreError/inUse(path:holder:)`` while another opening of the database, here or elsewhere, lives.
    init(database path: String) throws(StoreError) {
        let descriptor = open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .cannotOpen(path: path, reason: "\(path).lock: \(String(cString: strerror(errno)))")
        }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            let code = errno
            let holder = Self.holder(descriptor)
            close(descriptor)
            if code == EWOULDBLOCK { throw .inUse(path: path, holder: holder) }
            throw .cannotOpen(path: path, reason: "\(path).lock: \(String(cString: strerror(code)))")
        }
        self.descriptor = descriptor
        // For the sentence that the next process prints; nothing depends on it.
        let note = Array("process \(getpid())\n".utf8)
        if ftruncate(descriptor, 0) == 0 { _ = write(descriptor, note, note.count) }
    }

    deinit {
        // Said aloud: a child process that is being spawned at this moment holds a copy of the descriptor until it execs,
        // and closing ours alone would leave the lock with it.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    private static func holder(_ descriptor: Int32) -> String? {
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return nil }
        let note = String(decoding: buffer.prefix(count), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        return note.isEmpty ? nil : note
    }
}
