import Foundation
import StrictJSON
import TestSupport
import Testing

/// A server that is killed without warning, again and again, while it works.
///
/// What was acknowledged must survive: every job that was answered 202 ends `succeeded`, each of its cells is recorded
/// once, and a job that was interrupted has the same rows as one that was not. `KILL_CYCLES=N` kills N times, and
/// `KILL_SEED=N` draws the same moments again.
@Suite("A server that is killed") struct KilledServerTests {
    static let cycles = ProcessInfo.processInfo.environment["KILL_CYCLES"].flatMap { Int($0) } ?? 20
    static let seed =
        ProcessInfo.processInfo.environment["KILL_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000)

    /// SplitMix64: the same moments from the same seed.
    struct Draws: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    /// When the process is killed, counted in what was seen of it rather than in seconds.
    enum Moment: CaseIterable {
        /// A number of requests after a job was posted, whose answer nobody waited for.
        case whilePosting
        /// As soon as the job was acknowledged.
        case onceAcknowledged
        /// When the newest job had recorded some cells.
        case midway
    }

    @Test("loses no acknowledged job and no cell, and doubles none")
    func killed() async throws {
        let scratch = try ScratchFolder("killed")
        var server = try await RunningServer.start(in: scratch)
        let request = try await Self.request(on: server)
        var acknowledged: [String] = []
        var early = 0
        var draws = Draws(state: Self.seed)
        print("A server that is killed: KILL_SEED=\(Self.seed)")
        for _ in 0..<Self.cycles {
            // A job that was begun five times and never finished is given up, so each gets its chance now and then.
            let drawn = Moment.allCases.randomElement(using: &draws) ?? .midway
            let moment = early >= 2 ? .midway : drawn
            early = moment == .midway ? 0 : early + 1
            switch moment {
            case .whilePosting:
                let asked = Int.random(in: 0...4, using: &draws)
                acknowledged += try await Self.killWhilePosting(request, after: asked, server)
            case .onceAcknowledged:
                acknowledged.append(try await Self.submit(request, server))
                await server.killAtOnce()
            case .midway:
                let id = try await Self.submit(request, server)
                acknowledged.append(id)
                try await Self.observe(id, until: Int.random(in: 1...23, using: &draws), server)
                await server.killAtOnce()
            }
            server = try await RunningServer.start(in: scratch)
        }
        acknowledged.append(try await Self.submit(request, server))
        for id in acknowledged { try await Self.expectWhole(id, server) }
        #expect(await server.stop() == 0)
        try await Self.expectSound(scratch, acknowledged: acknowledged.count)
    }

    /// A knockout job of 24 cells in 6 groups, over pictures that are stored.
    private static func request(on server: RunningServer) async throws -> String {
        let names = [
            "white-cross.png", "pink-square.png", "white-triangle.png", "green-diamond.jpg",
            "white-cross-blue-circle.png",
            "yellow-ring.png",
        ]
        var ids: [JSONValue] = []
        for name in names {
            let answer = try await server.curl("/v1/images", ["--data-binary", "@\(Narrowgate.picture(name))"])
            ids.append(.string(try #require(try JSONParser.parse(answer.text)["id"]?.stringValue)))
        }
        let request: JSONValue = [
            "model": "open", "images": .array(ids), "variants": ["eoi", "image_to_text", "random_image"],
            "measure": [
                "max_tokens": 20, "captures": [["site": "resid_out", "layers": "4...", "positions": "last"]],
            ], "seed": 3,
        ]
        return request.text
    }

    private static func submit(_ request: String, _ server: RunningServer) async throws -> String {
        let answer = try await server.curl("/v1/knockouts", body: request)
        try #require(answer.status == 202, "\(answer.text)")
        return try #require(try JSONParser.parse(answer.text)["id"]?.stringValue)
    }

    /// The ids that were acknowledged before the process died: one, or none.
    private static func killWhilePosting(
        _ request: String, after requests: Int, _ server: RunningServer
    ) async throws -> [String] {
        async let answer = server.curl("/v1/knockouts", body: request)
        for _ in 0..<requests { _ = try await server.curl("/livez") }
        await server.killAtOnce()
        let posted = try await answer
        guard posted.status == 202 else { return [] }
        return [try #require(try JSONParser.parse(posted.text)["id"]?.stringValue)]
    }

    /// Asks until the job has recorded so many cells, or has ended.
    private static func observe(_ id: String, until cells: Int, _ server: RunningServer) async throws {
        while true {
            let job = try JSONParser.parse(try await server.curl("/v1/jobs/\(id)").text)
            let done = try #require(job["progress"]?["done"]?.integerValue)
            if done >= cells || job["ended_at"] != .null { return }
        }
    }

    private static func expectWhole(_ id: String, _ server: RunningServer) async throws {
        let job = try await server.ended(id)
        #expect(job["status"]?.stringValue == "succeeded", "\(id): \(job.text)")
        #expect(job["progress"]?["done"]?.integerValue == 24)
        let results = try JSONParser.parse(try await server.curl("/v1/jobs/\(id)/results?limit=1000").text)
        let rows = try #require(results["data"]?.arrayValue)
        #expect(rows.compactMap { $0["id"]?.stringValue } == (0..<24).map { "\(id)/\($0)" })
        #expect(rows.allSatisfy { $0["status"]?.stringValue == "ok" })
    }

    /// What the file itself says, to another program.
    private static func expectSound(_ scratch: ScratchFolder, acknowledged: Int) async throws {
        func ask(_ sql: String) async throws -> String {
            let outcome = try await Command("/usr/bin/sqlite3").run(["-readonly", scratch.path("jobs.sqlite"), sql])
            #expect(outcome.status == 0, "\(outcome.error)")
            return outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        #expect(try await ask("PRAGMA integrity_check") == "ok")
        // Otherwise nothing was tested: usually half of the jobs are begun more than once. A few kills may all come too late.
        let interrupted = Int(try await ask("SELECT count(*) FROM jobs WHERE attempt > 1")) ?? 0
        #expect(interrupted > 0 || cycles < 100, "KILL_SEED=\(seed)")
        #expect(try await ask("PRAGMA foreign_key_check") == "")
        // Jobs whose answer was lost with the connection may be there, too; those are as whole as the others.
        #expect(Int(try await ask("SELECT count(*) FROM jobs")) ?? 0 >= acknowledged)
        #expect(try await ask("SELECT count(*) FROM jobs WHERE status <> 'succeeded' OR done <> total") == "0")
        #expect(
            try await ask(
                "SELECT count(*) FROM jobs WHERE total <> (SELECT count(DISTINCT ordinal) FROM cells WHERE job = id)")
                == "0")
        #expect(try await ask("SELECT count(*) - 24 * (SELECT count(*) FROM jobs) FROM cells") == "0")
        try await expectStates(scratch, ask)
        // However often a job was interrupted, its rows are those of every other job of the same request.
        #expect(
            try await ask(
                """
                SELECT count(DISTINCT rows) FROM (SELECT group_concat(row, char(10)) AS rows FROM
                  (SELECT job, json_remove(document, '$.id', '$.job', '$.seconds') AS row FROM cells ORDER BY job, ordinal)
                GROUP BY job)
                """) == "1")
    }

    /// Every state that a row names has a row, and every state's row a file of that content.
    private static func expectStates(_ scratch: ScratchFolder, _ ask: (String) async throws -> String) async throws {
        let named = "SELECT value ->> 'state' FROM cells, json_each(document, '$.captures')"
        #expect(try await ask("SELECT count(*) FROM (\(named) EXCEPT SELECT digest FROM states)") == "0")
        let digests = Set(try await ask("SELECT substr(digest, 8) FROM states").split(separator: "\n"))
        #expect(!digests.isEmpty)
        let sums = try await Command("/bin/sh").run([
            "-c", "cd '\(scratch.path("jobs.sqlite.states"))' && ls *.partial 2>/dev/null; sha256sum *.safetensors",
        ])
        let files = sums.output.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(files.allSatisfy { $0.count == 2 && $0[1] == "\($0[0]).safetensors" }, "\(sums.output)")
        #expect(digests.isSubset(of: files.compactMap(\.first)))
    }
}
