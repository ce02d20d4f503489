import Dispatch
import Foundation
import Glibc
package import StrictJSON

/// `narrowgate serve` as a process of its own, on a port that the kernel chose.
package final class RunningServer: Sendable {
    /// As the server printed it: `http://127.0.0.1:PORT`.
    package let address: String
    /// Its first line, whole.
    package let announcement: String
    private let handle: Handle

    /// `Process` is not marked as safe to share; it is only asked for its id, its end and its status here, from one task.
    private struct Handle: @unchecked Sendable {
        let process: Process
    }

    /// The server ended before it was listening.
    package struct DidNotStart: Error, CustomStringConvertible {
        package let description: String
    }

    private init(process: Process, announcement: String) {
        handle = Handle(process: process)
        self.announcement = announcement
        address = String(announcement.split(separator: " ").last ?? "")
    }

    deinit {
        if handle.process.isRunning { kill(handle.process.processIdentifier, SIGKILL) }
    }

    /// Starts a server and returns when it listens.
    ///
    /// - Parameter database: a file in `scratch`.
    package static func start(
        _ arguments: [String] = ["--port", "0"], database: String = "jobs.sqlite", in scratch: ScratchFolder,
        environment: [String: String] = [:]
    ) async throws -> RunningServer {
        let process = Process()
        process.executableURL = URL(filePath: Narrowgate.binary)
        process.arguments = ["serve", "--database", scratch.path(database)] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(Narrowgate.environment(scratch)) { $1 }
            .merging(environment) { $1 }
        process.currentDirectoryURL = scratch.url
        let output = Pipe()
        process.standardOutput = output
        let log = scratch.url.appending(path: "server.log")
        if !FileManager.default.fileExists(atPath: log.path) { try Data().write(to: log) }
        let logHandle = try FileHandle(forWritingTo: log)
        try logHandle.seekToEnd()
        process.standardError = logHandle
        try process.run()
        let line = await firstLine(of: output.fileHandleForReading)
        guard line.hasPrefix("listening on ") else {
            process.waitUntilExit()
            throw DidNotStart(description: "\(line) \(try scratch.read("server.log"))")
        }
        return RunningServer(process: process, announcement: line)
    }

    private static func firstLine(of handle: FileHandle) async -> String {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var line: [UInt8] = []
                while let byte = try? handle.read(upToCount: 1)?.first, byte != UInt8(ascii: "\n") { line.append(byte) }
                continuation.resume(returning: String(decoding: line, as: UTF8.self))
            }
        }
    }

    /// Ends the process without a word, and returns when it is gone.
    package func killAtOnce() async { await end(with: SIGKILL) }

    /// Asks for an orderly end.
    ///
    /// - Returns: the exit status.
    @discardableResult
    package func stop() async -> Int32 {
        await end(with: SIGTERM)
        return handle.process.terminationStatus
    }

    private func end(with signal: Int32) async {
        let handle = handle
        kill(handle.process.processIdentifier, signal)
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                handle.process.waitUntilExit()
                continuation.resume()
            }
        }
    }

    /// The document of a job that has ended.
    ///
    /// Asks again when the server has waited as long as it was told to: how long a job takes is the machine's affair. After
    /// half an hour it is given up, and the document says where the job stands.
    package func ended(_ job: String) async throws -> JSONValue {
        var document = JSONValue.null
        for _ in 0..<30 {
            document = try JSONParser.parse(try await curl("/v1/jobs/\(job)", ["-H", "Prefer: wait=60"]).text)
            if document["ended_at"] != .null { break }
        }
        return document
    }

    /// An answer over HTTP.
    package struct Answer: Sendable {
        package let status: Int
        package let text: String
    }

    /// Asks with curl.
    ///
    /// - Parameters:
    ///   - arguments: curl's own, before the address.
    ///   - body: what is posted; it makes the request a POST of JSON.
    package func curl(_ path: String, _ arguments: [String] = [], body: String? = nil) async throws -> Answer {
        var arguments = ["-sS", "-w", "\n%{http_code}"] + arguments
        if body != nil { arguments += ["-H", "Content-Type: application/json", "--data-binary", "@-"] }
        let outcome = try await Command("/usr/bin/curl").run(arguments + [address + path], input: body)
        guard let end = outcome.output.lastIndex(of: "\n") else { return Answer(status: 0, text: outcome.error) }
        let status = Int(outcome.output[outcome.output.index(after: end)...]) ?? 0
        return Answer(status: status, text: String(outcome.output[..<end]))
    }
}
