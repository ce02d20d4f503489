import StrictJSON

/// The beginning of a safetensors file that is to be written: its header, and where each tensor's data will lie.
struct SafetensorsHeader {
    /// Up to the data: the length, the JSON, and spaces.
    let bytes: [UInt8]
    /// Where each tensor's data begin in the file, in the order of the tensors.
    let offsets: [Int]
    /// How many bytes the whole file has.
    let fileCount: Int

    /// - Parameter file: what an error calls the file.
    /// - throws: ``CheckpointError`` where a name is doubled or a shape is too large.
    init(_ tensors: [TensorDescription], metadata: [(name: String, text: String)], file: String)
        throws(CheckpointError)
    {
        var header = JSONObject()
        if !metadata.isEmpty {
            header["__metadata__"] = .object(JSONObject(metadata.map { ($0.name, .string($0.text)) }))
        }
        var begins: [Int] = []
        var end = 0
        for tensor in tensors {
            guard let sizes = tensor.sizes, sizes.bytes <= Int.max - end else {
                throw CheckpointError(file: file, subject: tensor.name, "the shape \(tensor.shape) is too large")
            }
            guard tensor.name != "__metadata__", header[tensor.name] == nil else {
                throw CheckpointError(file: file, subject: tensor.name, "the name is taken")
            }
            begins.append(end)
            header[tensor.name] = [
                "dtype": .string(tensor.type.rawValue), "shape": .array(tensor.shape.map { .integer($0) }),
                "data_offsets": [.integer(end), .integer(end + sizes.bytes)],
            ]
            end += sizes.bytes
        }
        // Spaces after the JSON align the data to 8 bytes, as the format's own writer does.
        var json = JSONValue.object(header).bytes
        json.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - json.count % 8) % 8))
        bytes = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) } + json
        let start = bytes.count
        offsets = begins.map { $0 + start }
        fileCount = start + end
    }
}

extension SafetensorsFile {
    /// A whole file in memory with one F32 tensor in it.
    ///
    /// The same tensor, shape and metadata always give the same bytes.
    ///
    /// - throws: ``CheckpointError`` where the shape is not that of `values`.
    package static func content(
        of name: String, shape: [Int], values: [Float], metadata: [(name: String, text: String)] = []
    ) throws(CheckpointError) -> [UInt8] {
        let tensor = TensorDescription(name: name, type: .float32, shape: shape)
        guard tensor.sizes?.elements == values.count else {
            throw CheckpointError(
                file: "the file", subject: name, "\(values.count) elements do not make the shape \(shape)")
        }
        let header = try SafetensorsHeader([tensor], metadata: metadata, file: "the file")
        var content = header.bytes
        content.reserveCapacity(header.fileCount)
        values.withUnsafeBytes { content.append(contentsOf: $0) }
        return content
    }
}
