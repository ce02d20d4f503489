import Dispatch
package import Foundation

/// A program run to its end, as a shell would run it.
package struct Command: Sendable {
    /// What it left behind.
    package struct Outcome: Sendable {
        /// The exit status, or the signal's number that ended it.
        package let status: Int32
        package let output: String
        package let error: String

        /// The lines of standard output.
        package var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    private let executable: URL
    private let environment: [String: String]
    private let directory: URL?

    /// - Parameters:
    ///   - executable: a path, or a name that `/usr/bin/env` finds.
    ///   - environment: added to that of the tests.
    package init(_ executable: String, environment: [String: String] = [:], directory: URL? = nil) {
        self.executable = URL(filePath: executable)
        self.environment = environment
        self.directory = directory
    }

    /// Runs it, on no thread that tests need, and takes what it prints.
    package func run(_ arguments: [String], input: String? = nil) async throws -> Outcome {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try self.runBlocking(arguments, input: input) })
            }
        }
    }

    private func runBlocking(_ arguments: [String], input: String?) throws -> Outcome {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.currentDirectoryURL = directory
        // Files, not pipes: whatever is printed, nobody has to read while it runs.
        let scratch = try ScratchFolder("command")
        func file(_ name: String, _ content: String = "") throws -> FileHandle {
            try scratch.write(content, to: name)
            return try FileHandle(forUpdating: URL(filePath: scratch.path(name)))
        }
        process.standardInput = try file("input", input ?? "")
        process.standardOutput = try file("output")
        process.standardError = try file("error")
        try process.run()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: try scratch.read("output"), error: try scratch.read("error"))
    }
}
