import Foundation

/// Runs curl and gives back what it printed.
func curl(_ arguments: String...) async throws -> String {
    try await curl(arguments)
}

func curl(_ arguments: [String]) async throws -> String {
    try await command(["curl", "-s", "-m", "60"] + arguments)
}

/// Runs a command without input and gives back what it printed.
func command(_ arguments: [String]) async throws -> String {
    try await blocking { try run(arguments) }
}

/// Runs curl and gives back the status of the answer.
func status(_ arguments: String...) async throws -> String {
    try await curl(["-o", "/dev/null", "-w", "%{http_code}"] + arguments)
}

private func run(_ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
}

/// A file that exists while this does.
final class TemporaryFile {
    let path: String

    init(_ bytes: [UInt8]) throws {
        path = NSTemporaryDirectory() + "http-server-test-\(UUID().uuidString)"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}
