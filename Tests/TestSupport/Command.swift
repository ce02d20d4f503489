import Foundation

/// A command that was run to its end.
package struct Command: Sendable {
    /// The exit status, or the signal that ended it.
    package let status: Int32
    /// What it wrote to standard output.
    package let output: String
    /// What it wrote to standard error.
    package let errors: String

    /// Runs a command, found on the path, and returns at its end.
    ///
    /// - Parameter folder: its working directory, in which what it writes is kept for a moment.
    package static func run(_ words: [String], in folder: TemporaryFolder) async throws -> Command {
        let output = folder.file(UUID().uuidString)
        let errors = folder.file(UUID().uuidString)
        defer { for path in [output, errors] { try? FileManager.default.removeItem(atPath: path) } }
        let process = try process(words, in: folder)
        process.standardOutput = try file(output)
        process.standardError = try file(errors)
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
        return Command(status: process.terminationStatus, output: try text(output), errors: try text(errors))
    }

    /// Runs the command line of this working copy.
    package static func narrowgate(_ words: String..., in folder: TemporaryFolder) async throws -> Command {
        try await run([try Checkout.executable()] + words, in: folder)
    }

    /// A process that is not started yet; the settings of whoever runs the tests do not reach it.
    static func process(_ words: [String], in folder: TemporaryFolder) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = words
        process.currentDirectoryURL = URL(filePath: folder.path)
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("NARROWGATE_") }
        process.standardInput = FileHandle.nullDevice
        return process
    }

    /// A new, empty file that is open for writing.
    static func file(_ path: String) throws -> FileHandle {
        try Data().write(to: URL(filePath: path))
        return try FileHandle(forWritingTo: URL(filePath: path))
    }

    private static func text(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
    }
}
