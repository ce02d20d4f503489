import Foundation
import GRDB
import Migrations
import Store
import Testing

@Suite("Rows of states") struct StateRowTests {
    let folder: TemporaryFolder
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store(path: folder.database)
    }

    /// A state whose file is `text`; the store does not look into it.
    private func state(_ text: String, name: String? = nil, model: String? = "gate", site: String? = "resid_out")
        throws -> NewState
    {
        try NewState(
            content: Array(text.utf8), name: name, model: model, site: site, layers: [4, 5],
            shape: StateShape(layers: 2, positions: 1, width: 3), origin: #"{"made": "upload"}"#)
    }

    private var files: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.database + ".states")) ?? []).sorted()
    }

    /// What a database that was opened anew has.
    private func reopened(_ look: (Store) async throws -> Void) async throws {
        let copy = try TemporaryFolder()
        // Another process, so that SQLite's locks in this one stay.
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", "cp -r \(folder.path)/* \(copy.path)/ && rm -f \(copy.path)/*.lock"]
        try process.run()
        process.waitUntilExit()
        try await look(try Store(path: copy.database))
    }

    @Test("a state comes back as it was stored, and its file lies beside the database under its digest")
    func roundTrip() async throws {
        let new = try state("numbers", name: "cross at [EOI]")
        let record = try await store.insert(new)
        #expect(record.digest == new.digest && record.name == "cross at [EOI]" && record.model == "gate")
        #expect(record.site == "resid_out" && record.layers == [4, 5] && record.shape.list == [2, 1, 3])
        #expect(record.bytes == 7 && record.origin == #"{"made": "upload"}"#)
        #expect(files == ["\(new.digest.dropFirst(7)).safetensors"])
        #expect(try await store.state(new.digest) == record)
        let content = try #require(try await store.stateContent(new.digest))
        #expect(try content.bytes() == new.content)
        #expect(try content.bytes(2..<5) == Array("mbe".utf8))

        let reader = try Store(path: folder.database, access: .readOnly)
        #expect(try await reader.stateContent(new.digest)?.bytes() == new.content)
        await #expect(throws: StoreError.readOnly(path: folder.database)) { try await reader.insert(new) }
        let unknown = "sha256:" + String(repeating: "0", count: 64)
        #expect(try await store.state(unknown) == nil)
        #expect(try await store.stateContent(unknown) == nil)
    }

    @Test("the same content is one state: it keeps its origin and takes the newest name")
    func oneOfAKind() async throws {
        let first = try await store.insert(try state("a", name: "one"))
        var again = try state("a")
        again.origin = "{}"
        #expect(try await store.insert(again) == first)
        again.name = "two"
        let renamed = try await store.insert(again)
        #expect(renamed.name == "two" && renamed.origin == first.origin)
        #expect(try await store.states().elements == [renamed])
        #expect(files.count == 1)
    }

    @Test("lists are in pages, the newest first, by name, model and site")
    func lists() async throws {
        var digests: [String] = []
        for number in 0..<5 {
            let site = number % 2 == 0 ? "resid_in" : nil
            digests.append(
                try await store.insert(try state("\(number)", name: "n\(number)", model: "m\(number % 2)", site: site))
                    .digest)
        }
        let page = try await store.states(StateQuery(limit: 3))
        #expect(page.elements.map(\.digest) == [digests[4], digests[3], digests[2]])
        #expect(page.hasMore)
        let rest = try await store.states(StateQuery(after: page.elements.last?.digest, limit: 3))
        #expect(rest.elements.map(\.digest) == [digests[1], digests[0]] && !rest.hasMore)
        #expect(try await store.states(StateQuery(name: "n3")).elements.map(\.digest) == [digests[3]])
        #expect(try await store.states(StateQuery(model: "m1")).elements.map(\.digest) == [digests[3], digests[1]])
        #expect(try await store.states(StateQuery(model: "m0", site: "resid_in")).elements.count == 3)
        await #expect(throws: StoreError.unknownState("x")) { try await store.states(StateQuery(after: "x")) }
    }

    @Test("a state is deleted with its file, unless an unfinished job's request names it")
    func deletion() async throws {
        let digest = try await store.insert(try state("a")).digest
        let submission = JobSubmission(
            id: identifier(1), kind: "knockout", model: "gate", request: #"{"state": "\#(digest)"}"#, total: 1,
            states: [digest])
        _ = try await store.submit(submission, limit: 10)
        await #expect(throws: StoreError.stateInUse(digest, job: identifier(1))) {
            try await store.deleteState(digest)
        }
        #expect(files.count == 1)
        _ = try await store.requestCancel(identifier(1))
        let open = try #require(try await store.stateContent(digest))
        try await store.deleteState(digest)
        #expect(files.isEmpty)
        #expect(try await store.state(digest) == nil)
        #expect(try open.bytes() == Array("a".utf8), "who has it open reads on")
        await #expect(throws: StoreError.unknownState(digest)) { try await store.deleteState(digest) }

        let late = JobSubmission(
            id: identifier(2), kind: "knockout", model: "gate", request: "{}", total: 1, states: [digest])
        await #expect(throws: StoreError.unknownState(digest)) { try await store.submit(late, limit: 10) }
        #expect(try await store.job(identifier(2)) == nil)
        #expect(try await store.insert(try state("a")).digest == digest)
        #expect(files.count == 1)
    }

    @Test("a file without a row is what a crash between the two leaves: it is no state, and is taken up again")
    func crashBetweenFileAndRow() async throws {
        let new = try state("a")
        try FileManager.default.createDirectory(
            atPath: folder.database + ".states", withIntermediateDirectories: true)
        let path = folder.database + ".states/\(new.digest.dropFirst(7)).safetensors"
        // Even one that is cut off, which renaming rules out.
        try Data([7, 7]).write(to: URL(filePath: path))
        try await reopened { (store: Store) async throws in
            #expect(try await store.state(new.digest) == nil)
            #expect(try await store.states().elements.isEmpty)
            #expect(try await store.insert(new).bytes == 1)
            #expect(try await store.stateContent(new.digest)?.bytes() == new.content)
        }
    }

    @Test("what writers that died left under temporary names is removed at the next opening, and nothing else")
    func leftovers() async throws {
        let kept = try await store.insert(try state("a"))
        let other = try state("b")
        let states = folder.database + ".states/"
        let leftover = "\(other.digest.dropFirst(7)).safetensors.6F1C.partial"
        for name in [leftover, "notes.partial", "notes.txt"] {
            try Data([1]).write(to: URL(filePath: states + name))
        }
        let reader = try Store(path: folder.database, access: .readOnly)
        #expect(files.contains(leftover), "a reader removes nothing")
        _ = reader
        try await reopened { (store: Store) async throws in
            let left = try FileManager.default.contentsOfDirectory(atPath: store.path + ".states").sorted()
            #expect(left == ["\(kept.digest.dropFirst(7)).safetensors", "notes.partial", "notes.txt"].sorted())
            #expect(try await store.stateContent(kept.digest)?.bytes() == Array("a".utf8))
        }
    }

    @Test("states of a cell are stored in its transaction: with it, or not at all")
    func ofACell() async throws {
        _ = try await store.submit(submission(1, total: 2), limit: 10)
        let claimed = try #require(try await store.claim(owner: "a", for: .seconds(60)))
        var first = cell(1, 0)
        first.states = [try state("a"), try state("b")]
        _ = try await store.record([first, cell(1, 1)], under: claimed.lease)
        #expect(try await store.states().elements.count == 2)
        try await reopened { (store: Store) async throws in
            #expect(try await store.recordedOrdinals(of: identifier(1)) == [0, 1])
            #expect(try await store.stateContent(try state("b").digest)?.bytes() == Array("b".utf8))
        }

        var late = cell(1, 0)
        late.states = [try state("c")]
        _ = try await store.record([late], under: claimed.lease)
        #expect(try await store.states().elements.count == 2, "the first outcome stands, with its states")
        let lost = Lease(job: identifier(1), owner: "a", token: claimed.lease.token - 1)
        await #expect(throws: StoreError.leaseLost(job: identifier(1))) { try await store.record([late], under: lost) }
        #expect(try await store.state(try state("c").digest) == nil)

        var caption = cell(2, 0, kind: "caption")
        caption.states = [try state("d")]
        _ = try await store.insertFinished(submission(2, kind: "caption", total: 1), cell: caption)
        #expect(try await store.state(try state("d").digest) != nil)
    }

    @Test("a state whose file somebody removed is said to be so, and storing it again mends it")
    func lostFile() async throws {
        let new = try state("a")
        _ = try await store.insert(new)
        let path = folder.database + ".states/" + files[0]
        try FileManager.default.removeItem(atPath: path)
        await #expect(throws: StoreError.stateDamaged(path: path, reason: "No such file or directory")) {
            try await store.stateContent(new.digest)
        }
        _ = try await store.insert(new)
        #expect(try await store.stateContent(new.digest)?.bytes() == new.content)
    }

    @Test("a database of the schema before states is brought up to date and keeps what it has")
    func migration() async throws {
        let old = try TemporaryFolder()
        do {
            _ = try Store(path: old.database, migrations: Array(Migration.all.prefix(1)))
        }
        // As the program of that time wrote it.
        try await DatabaseQueue(path: old.database).write { database in
            try database.execute(
                sql: """
                    INSERT INTO jobs (id, kind, model, status, total, created_at, request)
                    VALUES (?, 'knockout', 'gate', 'queued', 4, '2026-11-24T08:00:00.000Z', '{"seed": 7}')
                    """, arguments: [identifier(1)])
        }
        let store = try Store(path: old.database)
        #expect(try await store.job(identifier(1))?.status == .queued)
        #expect(try await store.insert(try state("a")).bytes == 1)
    }
}
