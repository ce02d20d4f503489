import Foundation
import StrictJSON

/// A folder of its own for one test, removed with it.
final class Scratch {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/checkpoints-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file into the folder and returns its path.
    @discardableResult
    func write(_ bytes: [UInt8], _ name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
        return path + "/" + name
    }

    @discardableResult
    func write(_ text: String, _ name: String) throws -> String { try write(Array(text.utf8), name) }
}

/// The bytes of a safetensors file: `header` as JSON text, then `data`.
func safetensors(_ header: String, data: [UInt8] = []) -> [UInt8] {
    withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8) + data
}

/// A file with one F32 tensor a name, each of shape `[1]`.
func safetensors(tensors: [String: Float]) -> [UInt8] {
    var header = JSONObject()
    var data: [UInt8] = []
    for (name, value) in tensors.sorted(by: { $0.key < $1.key }) {
        header[name] = [
            "dtype": "F32", "shape": [1], "data_offsets": [.integer(data.count), .integer(data.count + 4)],
        ]
        withUnsafeBytes(of: value) { data.append(contentsOf: $0) }
    }
    return safetensors(JSONValue.object(header).text, data: data)
}
