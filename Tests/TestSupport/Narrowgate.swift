package import Foundation

/// The real binary, and the files that the repository ships with it.
package enum Narrowgate {
    /// The repository's root.
    package static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Where the binary is: built together with these tests, and so beside them.
    package static let binary: String = {
        if let given = ProcessInfo.processInfo.environment["NARROWGATE_BINARY"] { return given }
        let tests = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let beside = URL(filePath: tests ?? "/").deletingLastPathComponent().appending(path: "narrowgate").path
        if FileManager.default.isExecutableFile(atPath: beside) { return beside }
        return root.appending(path: ".build/release/narrowgate").path
    }()

    /// A shipped picture.
    package static func picture(_ name: String) -> String { root.appending(path: "Models/examples/\(name)").path }

    /// Settings that keep the surroundings of the tests out: nothing is read from, or left in, the user's folders.
    package static func environment(_ scratch: ScratchFolder) -> [String: String] {
        ["XDG_CACHE_HOME": scratch.url.path, "NARROWGATE_MODELS": root.appending(path: "Models").path]
    }

    /// Runs the binary to its end, in the scratch folder.
    package static func run(
        _ arguments: [String], in scratch: ScratchFolder, environment: [String: String] = [:], input: String? = nil
    ) async throws -> Command.Outcome {
        let environment = Self.environment(scratch).merging(environment) { $1 }
        return try await Command(binary, environment: environment, directory: scratch.url).run(arguments, input: input)
    }
}
