import API
import Foundation
import Jobs
import Store
import StrictJSON

/// A job on its way into a folder: itself, its rows, and the files that they name.
struct JobExport {
    let job: JobRecord
    let store: Store
    let folder: URL

    /// Writes the folder.
    ///
    /// - Returns: what was written, in a line.
    /// - throws: ``CommandError`` for a folder that has something in it.
    func write() async throws -> String {
        let files = FileManager.default
        if let present = try? files.contentsOfDirectory(atPath: folder.path), !present.isEmpty {
            throw CommandError("\(folder.relativePath) is not empty; give a new folder")
        }
        try files.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data((JobAnswer(job).json.prettyText + "\n").utf8).write(to: folder.appending(path: "job.json"))
        let rows = ResultRows(CellQuery(job: job.id), limit: nil, in: store)
        for format in [ResultFormat.ndjson, .csv] {
            let file = try Self.newFile(folder.appending(path: "rows.\(format.rawValue)"))
            try await rows.write(format) { try file.write(contentsOf: Data($0.utf8)) }
            try file.close()
        }
        let (count, digests) = try await named()
        var (pictures, states) = (0, 0)
        for digest in digests.sorted() {
            if try await writePicture(digest) { pictures += 1 }
            if try await writeState(digest) { states += 1 }
        }
        func counted(_ count: Int, _ name: String) -> String { "\(count) \(name)\(count == 1 ? "" : "s")" }
        return folder.relativePath + ": "
            + [counted(count, "row"), counted(pictures, "picture"), counted(states, "state")].joined(separator: ", ")
    }

    /// How many rows there are, and every digest in them or in the request: of pictures, states, and models.
    private func named() async throws -> (rows: Int, digests: Set<String>) {
        var digests = Self.digests(in: job.request)
        var rows = 0
        try await store.forEachDocument(CellQuery(job: job.id)) { cell in
            rows += 1
            digests.formUnion(Self.digests(in: cell.document))
        }
        return (rows, digests)
    }

    static func digests(in text: String) -> Set<String> {
        var digests: Set<String> = []
        // Between quotes and of their length: no other text of a document can be one.
        for piece in text.utf8.split(separator: UInt8(ascii: "\"")) where piece.count == 71 {
            let digest = String(decoding: piece, as: UTF8.self)
            if ContentDigest.isWellFormed(digest) { digests.insert(digest) }
        }
        return digests
    }

    private func writePicture(_ digest: String) async throws -> Bool {
        guard let record = try await store.image(digest), let content = try await store.imageContent(digest) else {
            return false
        }
        let name = "\(digest.dropFirst("sha256:".count)).\(record.format)"
        try Data(content).write(to: try subfolder("images").appending(path: name))
        return true
    }

    private func writeState(_ digest: String) async throws -> Bool {
        guard let content = try await store.stateContent(digest) else { return false }
        let name = "\(digest.dropFirst("sha256:".count)).safetensors"
        let file = try Self.newFile(try subfolder("states").appending(path: name))
        // A state may be hundreds of megabytes long.
        for start in stride(from: 0, to: content.count, by: Self.pieceBytes) {
            try file.write(contentsOf: Data(try content.bytes(start..<min(start + Self.pieceBytes, content.count))))
        }
        try file.close()
        return true
    }

    private static let pieceBytes = 4 << 20

    private func subfolder(_ name: String) throws -> URL {
        let url = folder.appending(path: name)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    private static func newFile(_ url: URL) throws -> FileHandle {
        try Data().write(to: url)
        return try FileHandle(forWritingTo: url)
    }
}
