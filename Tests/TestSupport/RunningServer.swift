import Foundation
import Glibc
package import StrictJSON

/// `narrowgate serve` as a process of its own, on a port that the system chose.
package final class RunningServer: Sendable {
    /// What it announced, such as `http://127.0.0.1:40123`.
    package let address: String
    private let folder: TemporaryFolder
    private let process: Child
    private let output: FileHandle

    /// Foundation's process is not marked as safe to share; after its start it is only asked for its number and waited
    /// for, both of which lock.
    private struct Child: @unchecked Sendable {
        let process: Process
    }

    /// Starts a server on the folder's database and returns once it accepts connections.
    ///
    /// - throws: ``MissingExecutable``; ``SilentServer`` with its log, if it ended without an announcement.
    package static func start(in folder: TemporaryFolder, _ flags: String...) async throws -> RunningServer {
        let process = try Command.process(
            [
                try Checkout.executable(), "serve", "--port", "0", "--database", folder.file("narrowgate.sqlite"),
                "--models", Checkout.models,
            ] + flags, in: folder)
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = try Command.file(folder.file("serve.log"))
        try process.run()
        let output = pipe.fileHandleForReading
        let line = try await blocking { line(from: output) }
        guard let line, line.hasPrefix("listening on ") else {
            kill(process.processIdentifier, SIGKILL)
            throw SilentServer(
                said: line, log: (try? String(contentsOfFile: folder.file("serve.log"), encoding: .utf8)) ?? "")
        }
        return RunningServer(
            address: String(line.dropFirst("listening on ".count)), folder: folder, process: Child(process: process),
            output: output)
    }

    private init(address: String, folder: TemporaryFolder, process: Child, output: FileHandle) {
        self.address = address
        self.folder = folder
        self.process = process
        self.output = output
    }

    deinit {
        if process.process.isRunning { kill(process.process.processIdentifier, SIGKILL) }
    }

    /// Sends a signal and waits for the end.
    ///
    /// - Returns: the exit status or the signal's number, and what was written to standard output after the
    ///   announcement.
    @discardableResult
    package func end(_ signal: Int32 = SIGTERM) async throws -> (status: Int32, output: String) {
        kill(process.process.processIdentifier, signal)
        let (process, output) = (process, output)
        return try await blocking {
            let rest = try output.readToEnd() ?? Data()
            process.process.waitUntilExit()
            return (process.process.terminationStatus, String(decoding: rest, as: UTF8.self))
        }
    }

    /// What curl brought back.
    package struct Answer: Sendable {
        /// 0 if there was no answer.
        package let status: Int
        package let location: String?
        package let content: [UInt8]

        /// The body; `null` if it is not JSON.
        package var json: JSONValue { (try? JSONParser.parse(content)) ?? .null }
        package var text: String { String(decoding: content, as: UTF8.self) }
    }

    /// Asks with curl.
    ///
    /// - Parameter options: curl's, beside those that make it quiet.
    package func ask(_ path: String, _ options: String...) async throws -> Answer {
        try await ask(path, options)
    }

    /// Posts JSON with curl.
    package func post(_ path: String, _ json: JSONValue, _ options: String...) async throws -> Answer {
        try await ask(path, ["-H", "Content-Type: application/json", "--data-binary", json.text] + options)
    }

    private func ask(_ path: String, _ options: [String]) async throws -> Answer {
        let body = folder.file(UUID().uuidString)
        defer { try? FileManager.default.removeItem(atPath: body) }
        let curl = try await Command.run(
            ["curl", "-s", "--max-time", "120", "-o", body, "-w", "%{http_code} %header{location}"] + options
                + ["\(address)\(path)"], in: folder)
        let parts = curl.output.split(separator: " ", maxSplits: 1)
        return Answer(
            status: parts.first.flatMap { Int($0) } ?? 0,
            location: parts.dropFirst().first.map(String.init),
            content: (try? Data(contentsOf: URL(filePath: body))).map { [UInt8]($0) } ?? [])
    }

    /// Follows a job's events until it has recorded `count` cells or has ended.
    ///
    /// - Parameter path: the job's, such as `/v1/jobs/01JD…`.
    package func follow(_ path: String, untilCells count: Int) async throws {
        guard count > 0 else { return }
        let process = try Command.process(
            ["curl", "-s", "-N", "--max-time", "120", "\(address)\(path)/events"], in: folder)
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let reading = pipe.fileHandleForReading
        try await blocking {
            var seen = 0
            while seen < count, let line = Self.line(from: reading) {
                if line == "event: cell" { seen += 1 }
            }
        }
        kill(process.processIdentifier, SIGKILL)
    }

    /// The next line without its end; `nil` at the end of the file.
    private static func line(from handle: FileHandle) -> String? {
        var bytes: [UInt8] = []
        while let byte = try? handle.read(upToCount: 1)?.first {
            if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(byte)
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}

/// A server that ended, or said something else, instead of announcing its address.
package struct SilentServer: Error, CustomStringConvertible {
    package let said: String?
    package let log: String

    package var description: String { "narrowgate serve said \(said ?? "nothing") and logged: \(log)" }
}
