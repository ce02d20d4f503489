import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite("The command line") struct CommandLineTests {
    static let cross = Narrowgate.picture("white-cross.png")
    static let square = Narrowgate.picture("pink-square.png")

    @Test("a caption is one line, and the wire's answer with --json")
    func caption() async throws {
        let scratch = try ScratchFolder("cli")
        let readable = try await Narrowgate.run(["caption", Self.cross], in: scratch)
        #expect(readable.lines == ["a small white cross"])
        #expect(readable.error.isEmpty)
        let json = try await Narrowgate.run(["caption", Self.cross, "--json"], in: scratch)
        let answer = try JSONParser.parse(json.output)
        #expect(answer["object"]?.stringValue == "caption")
        #expect(answer["caption"]?.stringValue == "a small white cross")
    }

    @Test("a chat message is spelt out in the model's form, with the picture first where none is placed")
    func chat() async throws {
        let scratch = try ScratchFolder("cli")
        let chat = try await Narrowgate.run(["caption", Self.cross, "--chat", "what is this?", "--json"], in: scratch)
        let prompt = try #require(try JSONParser.parse(chat.output)["prompt"], "\(chat.error)")
        #expect(prompt["chat"] == "<image>what is this?")
        #expect(prompt["text"] == "<image>what is this?<reserved08706>")
        #expect(try await Narrowgate.run(["models", "gate"], in: scratch).output.contains("{message}<reserved08706>"))
    }

    @Test("a caption under an intervention says what was cut")
    func interventions() async throws {
        let scratch = try ScratchFolder("cli")
        try scratch.write(#"{"knockouts": [{"queries": "text", "keys": "eoi"}]}"#, to: "cut.json")
        let cut = try await Narrowgate.run(
            ["caption", Self.cross, "--interventions", scratch.path("cut.json"), "--receipt", "full"], in: scratch)
        #expect(cut.status == 0)
        #expect(cut.output.contains("cut 67..<"))
        #expect(cut.output.contains("effect on the next token"))
    }

    /// A request over files, and what it needs over HTTP.
    static let requests: [(kind: String, request: String)] = [
        (
            "knockout",
            #"{"model": "gate", "inputs": [{"id": "x", "image": "CROSS"}, {"id": "y", "image": "SQUARE"}], "variants": ["eoi", "random_image", "other_image"], "measure": {"max_tokens": 12}, "seed": 7}"#
        ),
        (
            "patch",
            #"{"model": "open", "pairs": [{"base": "CROSS", "source": "SQUARE", "base_token": " cross", "source_token": " square"}], "layers": "each"}"#
        ),
    ]

    @Test("the shell and HTTP give the same rows, bit for bit", arguments: requests)
    func sameBits(kind: String, request: String) async throws {
        let scratch = try ScratchFolder("cli")
        let files = request.replacing("CROSS", with: Self.cross).replacing("SQUARE", with: Self.square)
        let shell = try await Narrowgate.run([kind, "--request", "-", "--json"], in: scratch, input: files)
        #expect(shell.status == 0, "\(shell.error)")

        let server = try await RunningServer.start(in: scratch)
        var body = request
        for (name, path) in [("CROSS", Self.cross), ("SQUARE", Self.square)] {
            let answer = try await server.curl("/v1/images", ["--data-binary", "@\(path)"])
            body = body.replacing(name, with: try #require(try JSONParser.parse(answer.text)["id"]?.stringValue))
        }
        let paths = ["knockout": "/v1/knockouts", "patch": "/v1/patches"]
        let submitted = try await server.curl(try #require(paths[kind]), ["-H", "Prefer: wait=60"], body: body)
        let id = try #require(try JSONParser.parse(submitted.text)["id"]?.stringValue, "\(submitted.text)")
        let job = try await server.ended(id)
        #expect(job["status"] == "succeeded", "\(job.text)")
        let results = try JSONParser.parse(try await server.curl("/v1/jobs/\(id)/results?limit=1000").text)
        await server.stop()

        let fromHTTP = try #require(results["data"]?.arrayValue).map(Self.lasting)
        #expect(!fromHTTP.isEmpty)
        #expect(try shell.lines.map { Self.lasting(try JSONParser.parse($0)) } == fromHTTP)
    }

    /// A row without what differs between two runs of the same request: names and times.
    private static func lasting(_ row: JSONValue) -> JSONValue {
        guard var object = row.objectValue else { return row }
        for name in ["id", "job", "seconds"] { object[name] = nil }
        return .object(object)
    }

    @Test("a knockout and a patch are shown as tables, and found again by jobs")
    func tables() async throws {
        let scratch = try ScratchFolder("cli")
        let knockout = try await Narrowgate.run(
            ["knockout", Self.cross, Self.square, "--variants", "eoi,bos", "--max-tokens", "8"], in: scratch)
        #expect(knockout.status == 0, "\(knockout.error)")
        #expect(knockout.error.isEmpty, "no progress bar where nobody looks")
        #expect(knockout.output.contains("means over 2 inputs"))
        let patch = try await Narrowgate.run(
            [
                "patch", "--base", Self.cross, "--source", Self.square, "--base-token", " cross", "--source-token",
                " square",
            ],
            in: scratch)
        #expect(patch.output.contains("accuracy by layer"))

        let list = try await Narrowgate.run(["jobs", "--json"], in: scratch)
        let jobs = try #require(try JSONParser.parse(list.output)["data"]?.arrayValue)
        #expect(jobs.map { $0["kind"]?.stringValue } == ["patch", "knockout"])
        let id = try #require(jobs[0]["id"]?.stringValue)
        let results = try await Narrowgate.run(["jobs", "results", id], in: scratch)
        #expect(results.output == patch.output)
        let shown = try await Narrowgate.run(["jobs", "show", id, id], in: scratch)
        #expect(shown.output.contains("accuracy by layer"))
    }

    @Test("a request may name a state by its file, which is stored with the job; a dry run stores nothing")
    func stateFiles() async throws {
        let scratch = try ScratchFolder("cli")
        try scratch.write(#"{"captures": [{"site": "resid_in", "positions": "eoi"}]}"#, to: "measure.json")
        let trace = try await Narrowgate.run(
            [
                "trace", "--model", "gate", "--image", Self.square, "--prompt", "probe", "--only", "input_ids",
                "--measure", scratch.path("measure.json"),
                "--output", scratch.path("square.safetensors"),
            ], in: scratch)
        #expect(trace.status == 0, "\(trace.error)")
        func request(_ source: String) -> String {
            """
            {"model": "gate", "images": ["\(Self.cross)"], "prompt": {"preset": "probe"}, "measure": {"caption": false},
             "variants": [{"name": "x", "patches": [{"site": "resid_in", "layers": "each", "positions": "eoi",
             "source": \(source)}]}]}
            """
        }
        let state = request(#"{"state": "\#(scratch.path("square.safetensors"))#captures.0"}"#)
        let dry = try await Narrowgate.run(["knockout", "--request", "-", "--dry-run"], in: scratch, input: state)
        #expect(dry.status == 0, "\(dry.error)")
        #expect(!FileManager.default.fileExists(atPath: scratch.path("narrowgate.sqlite.states")))

        let patched = try await Narrowgate.run(["knockout", "--request", "-", "--json"], in: scratch, input: state)
        #expect(patched.status == 0, "\(patched.error)")
        let picture = request(#"{"image": "\#(Self.square)"}"#)
        let expected = try await Narrowgate.run(["knockout", "--request", "-", "--json"], in: scratch, input: picture)
        let rows = try zip(patched.lines, expected.lines).map { (try JSONParser.parse($0), try JSONParser.parse($1)) }
        #expect(rows.count == 7)
        for (row, other) in rows { #expect(row["next_token"] == other["next_token"]) }
        #expect(rows.contains { row, _ in (row["receipt"]?["effect"]?.doubleValue ?? 0) > 0.9 })
        let missing = try await Narrowgate.run(
            ["knockout", "--request", "-"], in: scratch, input: request(#"{"state": "no.npy"}"#))
        #expect(missing.status != 0 && missing.error.contains("no.npy cannot be read"))
    }

    @Test("a dry run says what it would cost and stores nothing")
    func dryRun() async throws {
        let scratch = try ScratchFolder("cli")
        let plan = try await Narrowgate.run(
            ["knockout", Self.cross, "--variants", "eoi,bos", "--dry-run"], in: scratch)
        #expect(plan.lines.first?.split(separator: " ") == ["cells", "3"])
        #expect(try await Narrowgate.run(["jobs"], in: scratch).lines == ["no jobs"])
    }

    @Test(
        "what is wrong is one line on standard error, with status 1, or 64 for how it was spelled",
        arguments: [
            (["nonsense"], 64), (["knockout", "a.png"], 64), (["patch", "--base", "a.png"], 64),
            (["caption", "a.png", "--preset", "x", "--prompt", "y"], 64), (["caption"], 64),
            (["caption", "a.png", "--chat", "x", "--question", "y"], 64),
            (["serve", "--port", "99999"], 64),
            (["trace", "--model", "gate", "--image", "a.png", "--output", "o", "--only", "nope"], 64),
            (["trace", "--model", "gate", "--image", "a.png", "--output", "o", "--number-format", "float8"], 64),
            (["caption", "not-there.png"], 1), (["jobs", "--database", "not-there.sqlite"], 1),
            (["caption", cross, "--model", "nobody"], 1), (["caption", cross, "--preset", "nothing"], 1),
            (["knockout", cross, "--variants", "eio"], 1), (["caption", "--models", "not-there", "--", cross], 1),
            (["patch", "--base", cross, "--source", square, "--layers", "99"], 1),
            (["patch", "--base", cross, "--source", square, "--base-token", " unheard-of", "--source-token", " a"], 1),
            (["trace", "--model", "nobody", "--image", cross, "--output", "o"], 1),
            (["trace", "--model", "gate", "--image", cross, "--raw-prompt", "no picture", "--output", "o"], 1),
            (["models", "nobody"], 1),
            (["dataset", "scenes", "--count", "0", "--output", "o"], 64),
            (["dataset", "scenes", "--count", "1", "--output", "o", "--objects", "4"], 64),
            (["dataset", "scenes", "--count", "1", "--output", "o", "--held-out", "never"], 64),
            (["dataset", "scenes", "--count", "1", "--output", "o", "--side", "33"], 64),
            (["dataset", "scenes", "--count", "1", "--output", "/dev/null/o"], 1),
        ] as [([String], Int32)])
    func mistakes(arguments: [String], status: Int32) async throws {
        let scratch = try ScratchFolder("cli")
        let outcome = try await Narrowgate.run(arguments, in: scratch)
        #expect(outcome.status == status)
        #expect(outcome.output.isEmpty)
        #expect(outcome.error.hasPrefix("narrowgate: "), "\(outcome.error)")
        #expect(outcome.error.split(separator: "\n").count == 1, "\(outcome.error)")
    }

    @Test("a checkpoint whose configuration lacks a field is refused by that field's name")
    func strangeCheckpoint() async throws {
        let scratch = try ScratchFolder("cli")
        try scratch.write(#"{"model_type": "llama"}"#, to: "config.json")
        let outcome = try await Narrowgate.run(
            ["trace", "--model", scratch.url.path, "--image", Self.cross, "--output", scratch.path("o")], in: scratch)
        #expect(outcome.status == 1)
        #expect(outcome.error.contains("model_type"), "\(outcome.error)")
    }

    @Test(
        "the help of every command shows how it is called",
        arguments: [
            "serve", "caption", "knockout", "patch", "trace", "models", "jobs", "dataset", "dataset scenes",
        ])
    func help(command: String) async throws {
        let scratch = try ScratchFolder("cli")
        let outcome = try await Narrowgate.run(command.split(separator: " ").map(String.init) + ["--help"], in: scratch)
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("narrowgate \(command)"))
        #expect(outcome.error.isEmpty)
    }

    @Test("a trace file has the tensors that were asked for, in their shapes")
    func trace() async throws {
        let scratch = try ScratchFolder("cli")
        let outcome = try await Narrowgate.run(
            [
                "trace", "--model", "gate", "--image", Self.cross, "--tokens", "7", "--only",
                "generated_ids,final_norm",
                "--output", scratch.path("out.safetensors"),
            ], in: scratch)
        #expect(outcome.status == 0, "\(outcome.error)")
        let bytes = [UInt8](try Data(contentsOf: scratch.url.appending(path: "out.safetensors")))
        let length = bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try #require(try JSONParser.parse(bytes[8..<8 + length]).objectValue)
        #expect(header.names.sorted() == ["final_norm", "generated_ids"])
        #expect(header["generated_ids"]?["shape"] == [7])
        #expect(header["final_norm"]?["shape"]?.arrayValue?.last == 128)
    }
}
