import Checkpoints
import Foundation
import Glibc
import Imaging
import Scenes
import StrictJSON

/// A data set of scenes on its way into a folder.
///
/// The list is put under its name last: a folder that has one is whole.
struct SceneFolder {
    private let folder: URL
    private let unfinished: URL
    private let list: FileHandle

    /// - throws: ``CommandError`` where there is something in the folder, so that no older picture is taken for one of these.
    init(path: String) throws {
        folder = URL(filePath: path)
        unfinished = folder.appending(path: "scenes.jsonl.unfinished")
        let files = FileManager.default
        do {
            try files.createDirectory(at: folder, withIntermediateDirectories: true)
            guard try files.contentsOfDirectory(atPath: path).isEmpty else {
                throw CommandError("--output \(path): the folder is not empty; name one that is, or a new one")
            }
            try files.createDirectory(at: folder.appending(path: "pictures"), withIntermediateDirectories: false)
            try Data().write(to: unfinished)
            list = try FileHandle(forWritingTo: unfinished)
        } catch let error as CocoaError {
            let reason = (error.underlying as? POSIXError).map { String(cString: strerror($0.code.rawValue)) }
            throw CommandError("--output \(path): no folder can be made there: \(reason ?? error.localizedDescription)")
        }
    }

    /// Writes a picture and its line.
    func add(_ element: SceneSeries.Element) throws {
        let number = String(element.index)
        let padded = String(repeating: "0", count: max(0, 6 - number.count)) + number
        let file = "pictures/\(padded).png"
        let bytes = try element.picture.png()
        try Data(bytes).write(to: folder.appending(path: file))
        let record = element.scene.record(
            id: "scene-\(padded)", file: file, digest: SHA256.digest(of: bytes), side: element.picture.width)
        try list.write(contentsOf: Data(record.bytes + [UInt8(ascii: "\n")]))
    }

    /// Writes how the data set was made, and closes it.
    func finish(about: JSONValue) throws {
        try Data(about.prettyText.utf8 + [UInt8(ascii: "\n")]).write(to: folder.appending(path: "dataset.json"))
        try list.close()
        try FileManager.default.moveItem(at: unfinished, to: unfinished.deletingPathExtension())
    }
}
