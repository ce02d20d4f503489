import API
import Foundation
import HTTPServer
import StrictJSON
import Testing

/// docs/api.md, run. `UPDATE_DOCS=1 swift test --filter InterfacePageTests` writes the answers into it.
@Suite("docs/api.md") struct InterfacePageTests {
    @Test("shows answers as they are")
    func examples() async throws {
        let page = Laboratory.root.appending(path: "docs/api.md")
        let models = Laboratory.root.appending(path: "Models")
        let folder = Laboratory.temporaryFolder("page")
        let service = try await Service.start(
            ServeConfiguration(
                database: folder.appending(path: "narrowgate.sqlite").path, modelDirectories: [models]))
        defer { try? FileManager.default.removeItem(at: folder) }
        _ = try await Shell.run("curl -s \(service.address)/v1/models/gate -o /dev/null")

        var text = try String(contentsOf: page, encoding: .utf8)
        var names = Names()
        for example in Example.all(in: text) {
            let command = try names.actual(example.command)
                .replacing("localhost:8080", with: service.address.description.dropFirst("http://".count))
            let output = try await Shell.run(command)
            let actual = trimmed(try JSONParser.parse(output))
            if ProcessInfo.processInfo.environment["UPDATE_DOCS"] != nil {
                text = text.replacing(example.block, with: example.block(showing: lines(actual)))
                names.learn(actual)
                continue
            }
            let shown = try JSONParser.parse(example.output)
            #expect(shape(actual) == shape(shown), "\(example.command)")
            names.learn(actual)
        }
        if ProcessInfo.processInfo.environment["UPDATE_DOCS"] != nil {
            try text.write(to: page, atomically: true, encoding: .utf8)
        }
        await service.stop()
    }

    /// The value as the page shows it: of lists the first element, of presets and variants the first, long texts cut.
    private func trimmed(_ value: JSONValue, in name: String = "") -> JSONValue {
        switch value {
        case .array(let elements): return .array(elements.prefix(1).map { trimmed($0) })
        case .object(let object):
            let count = ["presets", "variants"].contains(name) ? 1 : object.count
            return .object(JSONObject(object.members.prefix(count).map { ($0, trimmed($1, in: $0)) }))
        case .string(let text) where text.count > 160: return .string(text.prefix(120) + "…")
        default: return value
        }
    }

    /// Names and kinds, in order; numbers and `null` are alike, because what is measured may not be.
    private func shape(_ value: JSONValue) -> String {
        switch value {
        case .null, .integer, .number, .bool: "0"
        case .string: "0"
        case .array(let elements): "[" + (elements.first.map { shape($0) } ?? "") + "]"
        case .object(let object):
            "{" + object.members.map { "\($0):\(shape($1))" }.joined(separator: ",") + "}"
        }
    }

    private func lines(_ value: JSONValue) -> String {
        guard case .object(let object) = value else { return value.text }
        let members = object.members.map { "\(JSONValue.string($0).text): \($1.text)" }
        return "{\(members.joined(separator: ",\n "))}"
    }
}

/// A command of the page with the answer shown under it.
private struct Example {
    let block: String
    let command: String
    let output: String

    static func all(in text: String) -> [Example] {
        text.components(separatedBy: "```console\n").dropFirst().compactMap { rest in
            guard let body = rest.components(separatedBy: "\n```").first, body.hasPrefix("$ ") else { return nil }
            let lines = body.components(separatedBy: "\n")
            return Example(
                block: "```console\n\(body)\n```", command: String(lines[0].dropFirst(2)),
                output: lines.dropFirst().joined(separator: "\n"))
        }
    }

    func block(showing output: String) -> String { "```console\n$ \(command)\n\(output)\n```" }
}

/// What the page calls pictures and jobs whose ids cannot be known beforehand.
private struct Names {
    private var patchJob = ""

    mutating func learn(_ actual: JSONValue) {
        if actual["object"] == "job", actual["kind"] == "patch", let id = actual["id"]?.stringValue { patchJob = id }
    }

    func actual(_ command: String) throws -> String {
        var command = command.replacing("PATCH-JOB", with: patchJob)
        for (name, file) in [("WHITE-CROSS", "white-cross.png"), ("PINK-SQUARE", "pink-square.png")] {
            let digest = try Self.digest(of: file)
            command = command.replacing("sha256:" + name, with: digest)
        }
        return command
    }

    private static func digest(of file: String) throws -> String {
        let path = Laboratory.root.appending(path: "Models/examples/\(file)")
        return try Laboratory.digest([UInt8](try Data(contentsOf: path)))
    }
}

/// A command line, run in the repository's root.
enum Shell {
    static func run(_ command: String) async throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", command]
        process.currentDirectoryURL = Laboratory.root
        let output = FileManager.default.temporaryDirectory.appending(path: "narrowgate-shell-\(UUID().uuidString)")
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        defer { try? FileManager.default.removeItem(at: output) }
        process.standardOutput = try FileHandle(forWritingTo: output)
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
        return try String(contentsOf: output, encoding: .utf8)
    }
}
