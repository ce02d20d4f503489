import Foundation
import Glibc
import StrictJSON
import TestSupport
import Testing

/// Kills the real server with SIGKILL while jobs run, again and again on one database, and looks for what is lost.
///
/// A moment is chosen by what was seen from outside (cells that a job has recorded, and a few round trips more), so
/// that kills fall before, within and after stack groups, and into submissions. `KILL_CYCLES` says how often
/// (`make test-kill N=1000`).
@Suite("A server that is killed") struct KilledServerTests {
    @Test("ends every acknowledged job after a restart, with each cell once and the rows of an undisturbed run")
    func kills() async throws {
        let cycles = ProcessInfo.processInfo.environment["KILL_CYCLES"].flatMap { Int($0) } ?? 20
        let folder = try TemporaryFolder("killed")
        var server = try await RunningServer.start(in: folder)
        let study = try await Study(on: server)
        var unfinished: [String] = []
        for cycle in 1...max(1, cycles) {
            unfinished.append(try #require(try await study.submit(to: server), "cycle \(cycle)"))
            let followed = try #require(unfinished.randomElement())
            try await server.follow(followed, untilCells: Int.random(in: 0...study.rows.count))
            async let late = Bool.random() ? study.submit(to: server) : nil
            for _ in 0..<Int.random(in: 0..<5) { _ = try await server.ask("/livez") }
            try await server.end(SIGKILL)
            if let late = try await late { unfinished.append(late) }

            server = try await RunningServer.start(in: folder)
            // Some jobs are left to be interrupted more than once.
            guard cycle == cycles || Bool.random() else { continue }
            for job in unfinished { try await study.check(job, on: server) }
            unfinished = []
        }
        #expect(try await server.end(SIGTERM).status == 0)
        try await checkDatabase(in: folder)
    }

    private func checkDatabase(in folder: TemporaryFolder) async throws {
        let database = folder.file("narrowgate.sqlite")
        let integrity = try await Command.run(["sqlite3", database, "PRAGMA integrity_check"], in: folder)
        #expect(integrity.output == "ok\n")
        let wrong = try await Command.run(
            [
                "sqlite3", database,
                """
                SELECT jobs.id, jobs.total, jobs.done, count(cells.ordinal) FROM jobs LEFT JOIN cells ON cells.job = jobs.id
                WHERE jobs.status = 'succeeded' GROUP BY jobs.id
                HAVING count(cells.ordinal) <> total OR count(DISTINCT cells.ordinal) <> total OR done <> total
                    OR min(cells.ordinal) <> 0 OR max(cells.ordinal) <> total - 1
                """,
            ], in: folder)
        #expect(wrong.status == 0, "\(wrong.errors)")
        #expect(wrong.output.isEmpty, "\(wrong.output)")
    }
}

/// One request that is made many times, and the rows it must give.
private struct Study: Sendable {
    let request: JSONValue
    /// The rows of a run that nothing disturbed, without what differs between runs.
    let rows: [JSONValue]

    init(on server: RunningServer) async throws {
        var images: [JSONValue] = []
        for picture in try Checkout.pictures() { images.append(try await server.upload(picture)) }
        request = [
            "model": "gate", "images": .array(images), "seed": 7,
            "variants": ["eoi", "image_to_text", "both", "random_image", "bos"],
        ]
        let job = try await server.post("/v1/knockouts", request, "-H", "Prefer: wait=60")
        let found = try await server.rows(of: try #require(job.location, "\(job.text)"))
        rows = found.map(\.withoutItsRun)
        #expect(rows.count == images.count * 6)
        #expect(rows.allSatisfy { $0["status"] == "ok" })
    }

    /// The path of the job if it was acknowledged.
    func submit(to server: RunningServer) async throws -> String? {
        let answer = try await server.post("/v1/knockouts", request)
        return answer.status == 202 ? answer.location : nil
    }

    /// Waits for a job's end and looks at every cell.
    func check(_ job: String, on server: RunningServer) async throws {
        let ended = try await server.ask(job, "-H", "Prefer: wait=60").json
        #expect(ended["status"] == "succeeded", "\(ended.text)")
        #expect(ended["progress"]?["done"] == .integer(rows.count))
        let found = try await server.rows(of: job)
        let name = job.split(separator: "/").last ?? ""
        #expect(found.map { $0["id"] } == rows.indices.map { .string("\(name)/\($0)") })
        #expect(found.map(\.withoutItsRun) == rows, "\(job)")
    }
}
