import Foundation

/// A folder that exists while this does.
package final class TemporaryFolder: Sendable {
    package let path: String

    /// - Parameter name: what the folder's name begins with.
    package init(_ name: String) throws {
        path = FileManager.default.temporaryDirectory.appending(path: "\(name)-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// The path of a file in the folder.
    package func file(_ name: String) -> String { "\(path)/\(name)" }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}
