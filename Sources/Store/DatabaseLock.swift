import Foundation
import Glibc

/// The right of one process to write a database: an `flock` on `FILE.lock`, held for as long as this value lives.
///
/// SQLite's own locks let two processes write in turn, but narrowgate's rules ask for one: the writer's connection is the
/// only checkpointer, and whoever opens a database for writing takes every lease in it as abandoned. The kernel drops the
/// lock with the process, however it ends, so a leftover file means nothing. Readers never look at it.
///
/// The file says who holds the lock, a line each: `process 4711`, and where that process listens if it is a server. It
/// counts only while the lock is held; nothing in here depends on it.
final class DatabaseLock: Sendable {
    private let descriptor: Int32

    /// - throws: ``StoreError/inUse(path:holder:)`` while another opening of the database, here or elsewhere, lives.
    init(database path: String) throws(StoreError) {
        let descriptor = open(Self.file(of: path), O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .cannotOpen(path: path, reason: "\(path).lock: \(String(cString: strerror(errno)))")
        }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            let code = errno
            let holder = DatabaseWriter(note: Self.note(descriptor))?.process
            close(descriptor)
            if code == EWOULDBLOCK { throw .inUse(path: path, holder: holder) }
            throw .cannotOpen(path: path, reason: "\(path).lock: \(String(cString: strerror(code)))")
        }
        self.descriptor = descriptor
        write(address: nil)
    }

    deinit {
        // Said aloud: a child process that is being spawned at this moment holds a copy of the descriptor until it execs,
        // and closing ours alone would leave the lock with it.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    static func file(of database: String) -> String { database + ".lock" }

    /// Writes who holds the lock, and where it listens.
    func write(address: String?) {
        let note = Array("process \(getpid())\n\(address.map { $0 + "\n" } ?? "")".utf8)
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, note, note.count, 0) }
    }

    private static func note(_ descriptor: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}

/// The process that has a database open for writing, as its lock file says.
package struct DatabaseWriter: Sendable, Equatable {
    /// For people: `process 4711`.
    package let process: String
    /// Where it listens, as `http://127.0.0.1:8080`; `nil` for one that is no server, or not yet.
    package let address: String?

    /// What the lock file of a database says. Means nothing unless opening the database for writing has just failed with
    /// ``StoreError/inUse(path:holder:)``.
    package init?(database path: String) {
        guard let content = FileManager.default.contents(atPath: DatabaseLock.file(of: path)) else { return nil }
        self.init(note: String(decoding: content, as: UTF8.self))
    }

    init?(note: String) {
        let lines = note.split(whereSeparator: \.isNewline)
        guard let first = lines.first else { return nil }
        process = String(first)
        address = lines.dropFirst().first.map { String($0) }
    }
}

extension Store {
    /// Leaves word, for other processes, where this one takes requests.
    package func announce(address: String) {
        lock?.write(address: address)
    }
}
