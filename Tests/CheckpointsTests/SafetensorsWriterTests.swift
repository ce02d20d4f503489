import Checkpoints
import Foundation
import Testing

@Suite("Writing safetensors") struct SafetensorsWriterTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test("pieces in any order come back as one tensor, with data aligned to 8 bytes")
    func roundTrip() throws {
        let path = scratch.path + "/out.safetensors"
        let writer = try SafetensorsWriter(
            path: path,
            tensors: [
                TensorDescription(name: "logits", type: .float32, shape: [2, 2]),
                TensorDescription(name: "ids", type: .int32, shape: [3]),
                TensorDescription(name: "none", type: .float32, shape: [0, 5]),
            ], metadata: [("model", "gate")])
        try writer.write([3, 4] as [Float], to: "logits", at: 2)
        try writer.write([1, -1, .max] as [Int32], to: "ids")
        #expect(!FileManager.default.fileExists(atPath: path))
        try writer.write([1, 2] as [Float], to: "logits")
        try writer.finish()
        let file = try SafetensorsFile(path: path)
        #expect(file.metadata.map(\.text) == ["gate"])
        #expect(file.tensors.map(\.name) == ["logits", "ids", "none"])
        try file.withBytes(of: "logits") { _, bytes in
            #expect((0..<4).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) } == [1, 2, 3, 4])
        }
        try file.withBytes(of: "ids") { _, bytes in
            #expect((0..<3).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self) } == [1, -1, .max])
        }
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let header = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        #expect(header % 8 == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["out.safetensors"])
    }

    @Test("an unfinished file never appears, and the writer cleans up")
    func unfinished() throws {
        do {
            let writer = try SafetensorsWriter(
                path: scratch.path + "/out.safetensors",
                tensors: [TensorDescription(name: "a", type: .float32, shape: [2])])
            try writer.write([1] as [Float], to: "a")
            #expect(throws: CheckpointError.self) { try writer.finish() }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty)
    }

    @Test("undeclared names, wrong types and pieces outside a tensor are refused")
    func refuses() throws {
        let a = TensorDescription(name: "a", type: .float32, shape: [2])
        let path = scratch.path + "/out.safetensors"
        let writer = try SafetensorsWriter(path: path, tensors: [a])
        #expect(throws: CheckpointError.self) { try writer.write([1] as [Float], to: "b") }
        #expect(throws: CheckpointError.self) { try writer.write([1] as [Int32], to: "a") }
        #expect(throws: CheckpointError.self) { try writer.write([1, 2] as [Float], to: "a", at: 1) }
        #expect(throws: CheckpointError.self) { try writer.write([1] as [Float], to: "a", at: -1) }
        #expect(throws: CheckpointError.self) { try SafetensorsWriter(path: path, tensors: [a, a]) }
        #expect(throws: CheckpointError.self) {
            try SafetensorsWriter(path: path, tensors: [TensorDescription(name: "h", type: .float16, shape: [1])])
        }
        #expect(throws: CheckpointError.self) { try SafetensorsWriter(path: scratch.path + "/no/out", tensors: [a]) }
    }

    @Test("a file made in memory is, byte for byte, what the writer writes, and the same every time")
    func inMemory() throws {
        let path = scratch.path + "/out.safetensors"
        let values: [Float] = [1, -0.0, .leastNonzeroMagnitude, 3, 4, 5]
        let writer = try SafetensorsWriter(
            path: path, tensors: [TensorDescription(name: "state", type: .float32, shape: [1, 2, 3])],
            metadata: [("site", "resid_out")])
        try writer.write(values, to: "state")
        try writer.finish()
        let content = try SafetensorsFile.content(
            of: "state", shape: [1, 2, 3], values: values, metadata: [("site", "resid_out")])
        #expect(content == [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
        let file = try SafetensorsFile(content: content, name: "the content")
        #expect(try file.floats(of: "state").map(\.bitPattern) == values.map(\.bitPattern))
        #expect(file.metadata.map(\.name) == ["site"])
        #expect(throws: CheckpointError.self) {
            try SafetensorsFile.content(of: "state", shape: [2, 2], values: values)
        }
    }
}
