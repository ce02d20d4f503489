import Checkpoints
import Interventions

/// A trace on its way into a safetensors file.
struct TraceFile: Trace.Sink {
    private let writer: SafetensorsWriter

    init(path: String, layout: [TraceEntry]) throws {
        writer = try SafetensorsWriter(
            path: path,
            tensors: layout.map {
                TensorDescription(name: $0.name, type: $0.isInteger ? .int32 : .float32, shape: $0.shape)
            },
            metadata: layout.flatMap(\.metadata))
    }

    func write(_ values: [Float], to tensor: String, at element: Int) throws {
        try writer.write(values, to: tensor, at: element)
    }

    func write(_ values: [Int32], to tensor: String) throws { try writer.write(values, to: tensor) }

    /// Puts the file under its name.
    func finish() throws { try writer.finish() }
}
