import Foundation
import Store
import Testing

/// What a killed process leaves is its files as they are at that moment, the `-wal` among them and no clean close. A copy
/// of the files of a store that is still open is exactly that.
@Suite("After a crash") struct CrashTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// The files as they are on disk now. The copying is left to another process, because closing a database file in this
    /// one would drop the locks that SQLite holds on it.
    private func wreck() throws -> TemporaryFolder {
        let copy = try TemporaryFolder()
        for suffix in ["", "-wal"] {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/cp")
            process.arguments = [folder.database + suffix, copy.database + suffix]
            try process.run()
            process.waitUntilExit()
            try #require(process.terminationStatus == 0)
        }
        return copy
    }

    @Test("everything that was acknowledged is there, at every point of a job's life")
    func acknowledged() async throws {
        let store = try Store(path: folder.database)
        let image = try await store.insert(picture("scene"))
        _ = try await store.submit(submission(1, total: 3), limit: 10)
        let queued = try wreck()
        let afterSubmit = try Store(path: queued.database)
        #expect(try await afterSubmit.job(identifier(1))?.status == .queued)
        #expect(try await afterSubmit.imageContent(image.digest) == picture("scene").content)

        let claimed = try #require(try await store.claim(owner: "a", for: .seconds(3600)))
        _ = try await store.record([cell(1, 0), cell(1, 1)], under: claimed.lease)
        let half = try wreck()
        let midway = try Store(path: half.database)
        let resumed = try #require(try await midway.claim(owner: "b", for: .seconds(30)))
        #expect(resumed.job.attempt == 2)
        #expect(resumed.job.progress == JobProgress(done: 2, failed: 0, total: 3))
        #expect(try await midway.recordedOrdinals(of: identifier(1)) == [0, 1])
        _ = try await midway.record([cell(1, 2)], under: resumed.lease)
        #expect(try await midway.finish(resumed.lease, as: .succeed).progress.done == 3)

        _ = try await store.finish(claimed.lease, as: .fail, error: #"{"message": "no"}"#)
        let ended = try wreck()
        let afterEnd = try Store(path: ended.database)
        #expect(try await afterEnd.job(identifier(1))?.status == .failed)
        #expect(try await afterEnd.claim(owner: "b", for: .seconds(30)) == nil)
    }

    @Test("a log that is torn anywhere gives back a beginning of what was written, in whole transactions")
    func tornLog() async throws {
        let store = try Store(path: folder.database)
        _ = try await store.submit(submission(1, total: 60), limit: 10)
        let claimed = try #require(try await store.claim(owner: "a", for: .seconds(3600)))
        for group in 0..<20 {
            _ = try await store.record((0..<3).map { cell(1, group * 3 + $0, group: group) }, under: claimed.lease)
        }
        let whole = try wreck()
        let log = try Data(contentsOf: URL(fileURLWithPath: whole.database + "-wal"))
        var found: Set<Int> = []
        for cut in stride(from: 0, through: log.count, by: max(1, log.count / 24)) {
            let torn = try TemporaryFolder()
            try FileManager.default.copyItem(atPath: whole.database, toPath: torn.database)
            try log.prefix(cut).write(to: URL(fileURLWithPath: torn.database + "-wal"))
            let recovered = try Store(path: torn.database)
            let ordinals = try await recovered.recordedOrdinals(of: identifier(1))
            let done = try await recovered.job(identifier(1))?.progress.done ?? 0
            #expect(ordinals == Set(0..<done))
            #expect(done % 3 == 0)
            found.insert(done)
        }
        #expect(found.count > 3, "the cuts should fall into different groups: \(found)")
    }
}
