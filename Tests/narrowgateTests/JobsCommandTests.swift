import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite("narrowgate jobs") struct JobsCommandTests {
    private static let cross = Narrowgate.picture("white-cross.png")
    private static let square = Narrowgate.picture("pink-square.png")

    /// A database with a finished knockout job of six rows.
    private func study() async throws -> (scratch: ScratchFolder, job: String) {
        let scratch = try ScratchFolder("jobs")
        let knockout = try await Narrowgate.run(
            ["knockout", Self.cross, Self.square, "--variants", "eoi,random_image", "--max-tokens", "4", "--json"],
            in: scratch)
        let first = try JSONParser.parse(try #require(knockout.lines.first, "\(knockout.error)"))
        return (scratch, try #require(first["job"]?.stringValue))
    }

    private func jobs(_ arguments: String..., in scratch: ScratchFolder) async throws -> Command.Outcome {
        try await Narrowgate.run(["jobs"] + arguments, in: scratch)
    }

    @Test("results are a table, a list, a row a line, or CSV")
    func formats() async throws {
        let (scratch, job) = try await study()
        let table = try await jobs("results", job, in: scratch)
        #expect(table.output.contains("means over 2 inputs"))
        #expect(try await jobs("results", job, "--format", "table", in: scratch).output == table.output)
        let ndjson = try await jobs("results", job, "--format", "ndjson", in: scratch)
        let rows = try ndjson.lines.map { try JSONParser.parse($0) }
        #expect(rows.count == 6)
        #expect(try await jobs("results", job, "--json", in: scratch).output == ndjson.output)
        let list = try JSONParser.parse(try await jobs("results", job, "--format", "json", in: scratch).output)
        #expect(list == ["object": "list", "data": .array(rows), "has_more": false, "last_id": .string("\(job)/5")])
        let csv = try await jobs("results", job, "--format", "csv", in: scratch)
        #expect(csv.output.components(separatedBy: "\r\n").count == 8)
        #expect(csv.output.hasPrefix("id,job,kind,status,input,"))
        #expect(try await jobs("results", job, "--format", "xml", in: scratch).status == 64)
        #expect(try await jobs("results", job, "--json", "--format", "csv", in: scratch).status == 64)
    }

    @Test("an export is the job, its rows twice, and every picture that they name")
    func export() async throws {
        let (scratch, job) = try await study()
        let done = try await jobs("export", job, "--output", "study", in: scratch)
        #expect(done.lines == ["study: 6 rows, 2 pictures, 0 states"], "\(done.error)")
        let shown = try await jobs("show", job, "--json", in: scratch)
        #expect(try JSONParser.parse(try scratch.read("study/job.json")) == JSONParser.parse(shown.output))
        let rows = try await jobs("results", job, "--format", "ndjson", in: scratch)
        #expect(try scratch.read("study/rows.ndjson") == rows.output)
        let table = try await jobs("results", job, "--format", "csv", in: scratch)
        #expect(try scratch.read("study/rows.csv") == table.output)
        let pictures = try FileManager.default.contentsOfDirectory(atPath: scratch.path("study/images"))
        #expect(pictures.count == 2)
        for picture in [Self.cross, Self.square] {
            let content = try Data(contentsOf: URL(filePath: picture))
            #expect(
                try pictures.contains {
                    try Data(contentsOf: URL(filePath: scratch.path("study/images/\($0)"))) == content
                })
        }
        let again = try await jobs("export", job, "--output", "study", in: scratch)
        #expect(again.status == 1 && again.error.contains("not empty"))
    }

    @Test("an export has the states that rows captured, and a replay computes them again")
    func states() async throws {
        let scratch = try ScratchFolder("jobs")
        let request: JSONValue = [
            "model": "gate", "images": [.string(Self.cross)], "variants": ["eoi"],
            "measure": ["caption": false, "captures": [["site": "resid_out", "positions": "eoi"]]],
        ]
        let knockout = try await Narrowgate.run(
            ["knockout", "--request", "-", "--json"], in: scratch, input: request.text)
        let rows = try knockout.lines.map { try JSONParser.parse($0) }
        let job = try #require(rows.first?["job"]?.stringValue, "\(knockout.error)")
        let done = try await jobs("export", job, "--output", "study", in: scratch)
        #expect(done.lines == ["study: 2 rows, 1 picture, 1 state"], "\(done.error)")
        let state = try #require(rows[0]["captures"]?.arrayValue?.first?["state"]?.stringValue)
        let name = "\(state.dropFirst(7)).safetensors"
        #expect(
            try Data(contentsOf: scratch.url.appending(path: "study/states/\(name)"))
                == Data(contentsOf: scratch.url.appending(path: "narrowgate.sqlite.states/\(name)")))
        #expect(try await jobs("replay", job, in: scratch).lines == ["equal: all 2 rows"])
    }

    @Test("a replay is equal row by row, and finds a row that was tampered with")
    func replay() async throws {
        let (scratch, job) = try await study()
        #expect(try await jobs("replay", job, in: scratch).lines == ["equal: all 6 rows"])
        #expect(try await jobs("replay", "\(job)/2", in: scratch).lines == ["equal"])
        let json = try await jobs("replay", "\(job)/2", "--json", in: scratch)
        #expect(try JSONParser.parse(json.output)["equal"] == true)
        _ = try await Command("/usr/bin/sqlite3").run([
            scratch.path("narrowgate.sqlite"),
            """
            UPDATE cells SET document = json_set(document, '$.caption.text', 'a dog',
                '$.provenance.model.fingerprint', 'other') WHERE ordinal = 4
            """,
        ])
        let tampered = try await jobs("replay", job, in: scratch)
        #expect(tampered.status == 1)
        #expect(tampered.lines[0] == "\(job)/4 differs")
        #expect(tampered.lines[1].hasPrefix("  caption.text: stored \"a dog\", computed \""))
        #expect(tampered.lines[2] == "1 of 6 rows differ")
        #expect(tampered.lines[3].hasPrefix("made otherwise: model.fingerprint: stored \"other\", computed \"sha256:"))
        #expect(try await jobs("replay", "\(job)/3", in: scratch).status == 0)
        #expect(try await jobs("replay", "\(job)/6", in: scratch).error.contains("there is no result"))
        #expect(try await jobs("replay", "nonsense", in: scratch).status == 1)
    }

    @Test("a job that has ended is watched in a line, with a status by its outcome")
    func watchEnded() async throws {
        let (scratch, job) = try await study()
        let watched = try await jobs("watch", job, in: scratch)
        #expect(watched.status == 0)
        #expect(watched.lines.count == 1 && watched.lines[0].hasSuffix(" succeeded, 6 of 6 cells"))
        let refused = try await jobs("cancel", job, in: scratch)
        #expect(refused.status == 1 && refused.error.contains("cannot be cancelled"))
        #expect(try await jobs("watch", "nonsense", in: scratch).status == 1)
        #expect(try await jobs("cancel", job, "--database", "other.sqlite", in: scratch).status == 1)
        #expect(!FileManager.default.fileExists(atPath: scratch.path("other.sqlite")), "a cancel makes no database")
    }

    @Test("a job on a server is watched from its side, and cancelled through it")
    func server() async throws {
        let scratch = try ScratchFolder("jobs")
        let server = try await RunningServer.start(database: "narrowgate.sqlite", in: scratch)
        let image =
            try JSONParser.parse(
                try await server.curl("/v1/images", ["--data-binary", "@\(Self.cross)"]).text)["id"] ?? .null
        func submit(_ images: Int) async throws -> String {
            let request: JSONValue = [
                "images": .array(Array(repeating: image, count: images)), "variants": ["eoi"],
                "measure": ["max_tokens": 8],
            ]
            let answer = try await server.curl("/v1/knockouts", body: request.text)
            return try #require(try JSONParser.parse(answer.text)["id"]?.stringValue, "\(answer.text)")
        }
        // The first keeps the server busy while the second waits.
        let (long, queued) = (try await submit(5000), try await submit(1))
        async let watched = jobs("watch", long, in: scratch)
        #expect(try await jobs("cancel", queued, in: scratch).lines == ["\(queued) cancelled"])
        let ended = try await jobs("watch", queued, "--json", in: scratch)
        #expect(ended.status == 2)
        #expect(try JSONParser.parse(ended.output)["status"] == "cancelled")
        let cancelled = try await jobs("cancel", long, "--json", in: scratch)
        #expect(cancelled.status == 0, "\(cancelled.error)")
        #expect(["cancelling", "cancelled"].contains(try JSONParser.parse(cancelled.output)["status"]))
        let outcome = try await watched
        #expect(outcome.status == 2)
        #expect(outcome.lines.last?.contains(" cancelled, ") == true, "\(outcome.output)\(outcome.error)")
        await server.stop()
    }

    @Test("a job whose process is gone is cancelled in the database itself")
    func abandoned() async throws {
        let scratch = try ScratchFolder("jobs")
        let server = try await RunningServer.start(database: "narrowgate.sqlite", in: scratch)
        let image =
            try JSONParser.parse(
                try await server.curl("/v1/images", ["--data-binary", "@\(Self.cross)"]).text)["id"] ?? .null
        let request: JSONValue = ["images": .array(Array(repeating: image, count: 5000)), "variants": ["eoi"]]
        let answer = try await server.curl("/v1/knockouts", body: request.text)
        let job = try #require(try JSONParser.parse(answer.text)["id"]?.stringValue)
        await server.killAtOnce()
        let cancelled = try await jobs("cancel", job, in: scratch)
        #expect(cancelled.lines == ["\(job) cancelled"], "\(cancelled.error)")
        #expect(try await jobs("show", job, in: scratch).output.contains("cancelled"))
    }
}
