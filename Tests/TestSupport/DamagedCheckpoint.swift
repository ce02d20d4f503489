package import Foundation
import StrictJSON

/// A checkpoint that loads and computes nonsense.
package enum DamagedCheckpoint {
    package struct NoTensor: Error {}

    /// Makes the first element of a bfloat16 tensor of `model.safetensors` no number.
    package static func putNaN(into tensor: String, of folder: URL) throws {
        let file = folder.appending(path: "model.safetensors")
        var content = try Data(contentsOf: file)
        let length = content.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try JSONParser.parse([UInt8](content[8..<8 + length]))
        guard header[tensor]?["dtype"] == "BF16",
            let begin = header[tensor]?["data_offsets"]?.arrayValue?.first?.integerValue
        else { throw NoTensor() }
        content.replaceSubrange(8 + length + begin..<8 + length + begin + 2, with: [0xC0, 0x7F])
        try content.write(to: file)
    }
}
