import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite("Data sets of scenes") struct DatasetTests {
    private func scenes(_ folder: String, _ arguments: [String], in scratch: ScratchFolder) async throws -> [JSONValue]
    {
        let outcome = try await Narrowgate.run(
            ["dataset", "scenes", "--output", scratch.path(folder)] + arguments, in: scratch)
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(outcome.lines.count == 1 && outcome.error.isEmpty)
        return try lines(scratch, folder).map { try JSONParser.parse($0) }
    }

    private func lines(_ scratch: ScratchFolder, _ folder: String) throws -> [String] {
        try scratch.read("\(folder)/scenes.jsonl").split(separator: "\n").map(String.init)
    }

    private func bytes(_ scratch: ScratchFolder, _ path: String) throws -> Data {
        try Data(contentsOf: scratch.url.appending(path: path))
    }

    @Test("the same seed writes the same bytes, and a longer data set begins with the shorter one")
    func repeatable() async throws {
        let scratch = try ScratchFolder("dataset")
        let first = try await scenes("first", ["--count", "8", "--seed", "7"], in: scratch)
        _ = try await scenes("again", ["--count", "8", "--seed", "7"], in: scratch)
        _ = try await scenes("longer", ["--count", "10", "--seed", "7"], in: scratch)
        _ = try await scenes("other", ["--count", "8", "--seed", "8"], in: scratch)
        let list = try lines(scratch, "first")
        #expect(try lines(scratch, "again") == list)
        #expect(try Array(lines(scratch, "longer").prefix(8)) == list)
        #expect(try lines(scratch, "other") != list)
        for scene in first {
            let file = try #require(scene["file"]?.stringValue)
            #expect(try bytes(scratch, "first/\(file)") == bytes(scratch, "again/\(file)"))
        }
        #expect(try bytes(scratch, "first/dataset.json") == bytes(scratch, "again/dataset.json"))
    }

    @Test("a line's digest is the one under which the server keeps the picture, and the model says the line's caption")
    func usable() async throws {
        let scratch = try ScratchFolder("dataset")
        let scene = try #require(
            try await scenes("one", ["--count", "1", "--objects", "1", "--held-out", "exclude"], in: scratch).first)
        let picture = scratch.path("one/\(try #require(scene["file"]?.stringValue))")
        let answer = try JSONParser.parse(try await Narrowgate.run(["caption", picture, "--json"], in: scratch).output)
        #expect(answer["image"] == scene["image"])
        #expect(answer["caption"] == scene["caption"])
    }

    @Test("the options choose number, combinations and side")
    func options() async throws {
        let scratch = try ScratchFolder("dataset")
        let unseen = try await scenes(
            "unseen", ["--count", "6", "--objects", "2", "--held-out", "only", "--side", "32"], in: scratch)
        for scene in unseen {
            let objects = try #require(scene["objects"]?.arrayValue)
            #expect(objects.count == 2 && objects.allSatisfy { $0["held_out"] == true })
            #expect(scene["held_out"] == true && scene["side"] == 32 && scene["probe"] == .null)
        }
        let known = try await scenes("known", ["--count", "30", "--held-out", "exclude"], in: scratch)
        #expect(known.allSatisfy { $0["held_out"] == false && $0["side"] == 64 })
    }

    @Test("a folder with something in it is refused and left alone")
    func occupied() async throws {
        let scratch = try ScratchFolder("dataset")
        try scratch.write("mine", to: "notes.txt")
        let outcome = try await Narrowgate.run(
            ["dataset", "scenes", "--count", "1", "--output", scratch.url.path], in: scratch)
        #expect(outcome.status == 1 && outcome.error.contains("not empty"), "\(outcome.error)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.url.path) == ["notes.txt"])
    }
}
