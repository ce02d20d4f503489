import Foundation
import Glibc

/// Where narrowgate's own files may lie: beside the working directory, and beside the binary.
enum Installation {
    /// The working directory, the binary's folder, and, where the binary lies in a build folder, its package's root.
    static let roots: [URL] = {
        var roots = [URL(filePath: FileManager.default.currentDirectoryPath)]
        if let binary {
            roots.append(binary.deletingLastPathComponent())
            if let build = binary.pathComponents.firstIndex(of: ".build") {
                roots.append(URL(filePath: binary.pathComponents[..<build].joined(separator: "/")))
            }
        }
        return roots.map(\.standardizedFileURL)
    }()

    private static var binary: URL? {
        let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return path.map { URL(filePath: $0) }
    }

    /// The file or folder of that name that a root has, the first root's first.
    static func find(_ name: String) -> [URL] {
        var found: [URL] = []
        for root in roots {
            let url = root.appending(path: name)
            if FileManager.default.fileExists(atPath: url.path), !found.contains(url) { found.append(url) }
        }
        return found
    }

    /// Where digests of checkpoint files are remembered between runs; `nil` where there is no place for it.
    static var digestCache: URL? {
        let environment = ProcessInfo.processInfo.environment
        let folder: URL
        if let cache = environment["XDG_CACHE_HOME"], cache.hasPrefix("/") {
            folder = URL(filePath: cache)
        } else if let home = environment["HOME"], !home.isEmpty {
            folder = URL(filePath: home).appending(path: ".cache")
        } else {
            return nil
        }
        let own = folder.appending(path: "narrowgate")
        guard (try? FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)) != nil else {
            return nil
        }
        return own.appending(path: "digests.json")
    }
}
