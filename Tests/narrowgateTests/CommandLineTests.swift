import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite("The command line") struct CommandLineTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("command-line") }

    @Test("knockout --json prints the rows that HTTP gives for the same request")
    func knockoutRows() async throws {
        let pictures = Array(try Checkout.pictures().prefix(2))
        let variants: JSONValue = [
            "eoi", "random_image", ["name": "late", "knockouts": [["keys": "eoi", "layers": "2..<4", "mode": "mask"]]],
        ]
        let request = JSONObject([("model", "gate"), ("variants", variants), ("seed", 5)])
        var onFiles = request
        onFiles["images"] = .array(pictures.map { .string($0) })
        try Data(JSONValue.object(onFiles).bytes).write(to: URL(filePath: folder.file("request.json")))
        let command = try await Command.narrowgate(
            "knockout", "--request", "request.json", "--json", "--models", Checkout.models, "--database", "own.sqlite",
            in: folder)
        #expect(command.status == 0, "\(command.errors)")
        let printed = try command.output.split(separator: "\n").map { try JSONParser.parse(String($0)) }
        #expect(printed.count == 2 * 4)

        let server = try await RunningServer.start(in: folder)
        var onServer = request
        var images: [JSONValue] = []
        for picture in pictures { images.append(try await server.upload(picture)) }
        onServer["images"] = .array(images)
        let job = try await server.post("/v1/knockouts", .object(onServer), "-H", "Prefer: wait=60")
        #expect(job.status == 202, "\(job.text)")
        let served = try await server.rows(of: try #require(job.location))
        #expect(printed.map(\.withoutItsRun) == served.map(\.withoutItsRun))
        try await server.end()
    }

    @Test(
        "a misspelled command is one sentence and status 64",
        arguments: [
            (["knockout", "picture.png", "--variants", "eoi", "--bogus"], "--bogus"),
            (["knockout", "picture.png"], "--variants"),
            (["serve", "--port", "70000"], "70000"),
            (["trace", "--model", "gate", "--image", "a.png", "--output", "o", "--number-format", "int3"], "int3"),
        ])
    func misspelled(_ words: [String], _ named: String) async throws {
        let command = try await Command.run([try Checkout.executable()] + words, in: folder)
        #expect(command.status == 64)
        #expect(command.output.isEmpty)
        #expect(command.errors.contains(named))
        #expect(isOneLine(command.errors), "\(command.errors)")
    }

    @Test(
        "what cannot be done is one line and status 1",
        arguments: [
            (["caption", "missing.png"], "missing.png"),
            (["caption", "broken.png"], "broken.png"),
            (["knockout", "missing.png", "--variants", "eoi"], "missing.png"),
            (["caption", "broken.png", "--model", "nobody"], "nobody"),
            (["jobs", "show", "01JD0000000000000000000000"], "01JD0000000000000000000000"),
        ])
    func impossible(_ words: [String], _ named: String) async throws {
        try Data("not a picture".utf8).write(to: URL(filePath: folder.file("broken.png")))
        let model = words[0] == "jobs" ? [] : ["--models", Checkout.models]
        let command = try await Command.run([try Checkout.executable()] + words + model, in: folder)
        #expect(command.status == 1)
        #expect(command.output.isEmpty)
        #expect(command.errors.contains(named), "\(command.errors)")
        #expect(isOneLine(command.errors), "\(command.errors)")
    }

    @Test("every command has help that shows an example", arguments: ["serve", "caption", "knockout", "patch", "trace"])
    func help(_ name: String) async throws {
        let command = try await Command.narrowgate(name, "--help", in: folder)
        #expect(command.status == 0)
        #expect(command.output.contains("\n  narrowgate \(name) "))
    }

    private func isOneLine(_ text: String) -> Bool {
        text.hasPrefix("narrowgate: ") && text.hasSuffix("\n") && text.filter(\.isNewline).count == 1
    }
}
