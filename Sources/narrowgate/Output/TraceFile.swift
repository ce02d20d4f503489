import Checkpoints
import Interventions

/// A trace on its way into a safetensors file.
struct TraceFile: Trace.Sink {
    private let writer: SafetensorsWriter

    init(path: String, layout: [(tensor: TraceTensor, shape: [Int])]) throws {
        writer = try SafetensorsWriter(
            path: path,
            tensors: layout.map {
                TensorDescription(
                    name: $0.tensor.rawValue, type: $0.tensor.isInteger ? .int32 : .float32, shape: $0.shape)
            })
    }

    func write(_ values: [Float], to tensor: TraceTensor, at element: Int) throws {
        try writer.write(values, to: tensor.rawValue, at: element)
    }

    func write(_ values: [Int32], to tensor: TraceTensor) throws {
        try writer.write(values, to: tensor.rawValue)
    }

    /// Puts the file under its name.
    func finish() throws { try writer.finish() }
}
