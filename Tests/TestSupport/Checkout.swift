package import Foundation

/// The working copy that these tests were built from.
package enum Checkout {
    /// Its root.
    package static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The folder of the shipped models.
    package static var models: String { root.appending(path: "Models").path }

    /// The shipped pictures in PNG, in the order of their names.
    package static func pictures() throws -> [String] {
        let folder = root.appending(path: "Models/examples")
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".png") }.sorted()
            .map { folder.appending(path: $0).path }
    }

    /// The command line's executable, as `make build` leaves it.
    ///
    /// - throws: ``MissingExecutable`` if it was not built.
    package static func executable() throws -> String {
        let path = root.appending(path: ".build/release/narrowgate").path
        guard FileManager.default.isExecutableFile(atPath: path) else { throw MissingExecutable(path: path) }
        return path
    }
}

/// The tests were run before `make build`.
package struct MissingExecutable: Error, CustomStringConvertible {
    package let path: String

    package var description: String { "\(path) is not there; these tests run it, so run `make build` first" }
}
