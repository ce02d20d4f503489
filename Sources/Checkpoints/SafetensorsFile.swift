import StrictJSON

/// One safetensors file, mapped or in memory, and validated.
///
///     8 bytes    N, the header's length, little-endian
///     N bytes    JSON: name → {"dtype", "shape", "data_offsets": [begin, end]}, and "__metadata__"
///     the rest   the data; offsets count from here
///
/// Everything the header says is checked against the file before any tensor is handed out: lengths, types, shapes
/// against offsets with overflow-checked products, and that the tensors cover the data exactly once, without hole,
/// overlap or rest (the format's own rule: a file must not hide bytes).
package struct SafetensorsFile: Sendable {
    /// The longest header accepted, in bytes: the format's own limit.
    package static let maximumHeaderBytes = 100_000_000

    /// The file, as it was asked for.
    package var path: String { file.path }
    /// The free-form strings under `__metadata__`.
    package let metadata: [(name: String, text: String)]
    /// The tensors, in the order of their data.
    package let tensors: [TensorDescription]
    private let file: FileContent
    private let index: [String: Int]
    private let ranges: [Range<Int>]

    /// Opens the file at `path` and validates its header.
    ///
    /// - throws: ``CheckpointError`` that names the file and the tensor.
    package init(path: String) throws { try self.init(.mapped(try MappedFile(path: path))) }

    /// Takes a file that is in memory and validates its header.
    ///
    /// - Parameter name: what errors call it.
    /// - throws: ``CheckpointError`` that names the file and the tensor.
    package init(content: [UInt8], name: String) throws { try self.init(.memory(content, name: name)) }

    private init(_ file: FileContent) throws {
        let path = file.path
        let dataStart = try Self.dataStart(of: file)
        let header = try file.withBytes(in: 8..<dataStart) { bytes in
            guard bytes.first == UInt8(ascii: "{") else {
                throw CheckpointError(file: path, "the header does not begin with '{': this is no safetensors file")
            }
            do {
                return try JSONParser.parse(bytes, maximumDepth: 8)
            } catch let error as JSONError {
                throw CheckpointError(file: path, "the header is damaged: \(error)")
            }
        }
        guard case .object(let members) = header else {
            throw CheckpointError(file: path, "the header must be a JSON object")
        }
        var entries: [(tensor: TensorDescription, range: Range<Int>)] = []
        var metadata: [(name: String, text: String)] = []
        for (name, value) in members.members {
            if name == "__metadata__" {
                metadata = try Self.metadata(value, file: path)
            } else {
                entries.append(try Self.entry(name, value, file: path, dataBytes: file.count - dataStart))
            }
        }
        entries.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
        try Self.checkCoverage(entries, file: path, dataBytes: file.count - dataStart)

        self.file = file
        self.metadata = metadata
        self.tensors = entries.map(\.tensor)
        self.ranges = entries.map { $0.range.lowerBound + dataStart..<$0.range.upperBound + dataStart }
        var index: [String: Int] = [:]
        for (position, entry) in entries.enumerated() {
            guard index.updateValue(position, forKey: entry.tensor.name) == nil else {
                throw CheckpointError(file: path, subject: entry.tensor.name, "the name appears twice")
            }
        }
        self.index = index
    }

    /// What the header says of `name`, or `nil` where the file has no such tensor.
    package func tensor(_ name: String) -> TensorDescription? { index[name].map { tensors[$0] } }

    /// Gives `body` the raw little-endian elements of tensor `name`, straight from the map and perhaps unaligned;
    /// they must not be used after it returns.
    package func withBytes<Result>(
        of name: String, _ body: (TensorDescription, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        guard let position = index[name] else { throw CheckpointError(file: path, subject: name, "no such tensor") }
        return try file.withBytes(in: ranges[position]) { try body(tensors[position], $0) }
    }

    /// The elements of a tensor of floats as `Float`, row-major: F16, BF16 and F32 exactly, F64 rounded once.
    ///
    /// - throws: ``CheckpointError`` where there is no such tensor, or its elements are no floats.
    package func floats(of name: String) throws -> [Float] {
        try withBytes(of: name) { tensor, bytes in
            // The header's check: a shape that is there has a size.
            let count = tensor.sizes?.elements ?? 0
            guard let values = FloatConversion.floats(bytes, as: tensor.type, count: count) else {
                throw CheckpointError(
                    file: path, subject: name, "its elements are \(tensor.type.rawValue), no F16, BF16, F32 or F64")
            }
            return values
        }
    }

    /// Tensor `name` where the file is mapped; `nil` for a file in memory.
    package func mapped(_ name: String) throws -> MappedTensor? {
        guard let position = index[name] else { throw CheckpointError(file: path, subject: name, "no such tensor") }
        guard case .mapped(let map) = file else { return nil }
        return MappedTensor(description: tensors[position], bytes: map.bytes(in: ranges[position]), owner: map)
    }

    // MARK: Validation

    private static func dataStart(of file: FileContent) throws -> Int {
        guard file.count >= 8 else {
            throw CheckpointError(file: file.path, "is \(file.count) bytes long; a safetensors file has at least 8")
        }
        let length = try file.withBytes(in: 0..<8) { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        guard length <= UInt64(maximumHeaderBytes) else {
            throw CheckpointError(
                file: file.path, "the header claims \(length) bytes; at most \(maximumHeaderBytes) are allowed")
        }
        guard Int(length) <= file.count - 8 else {
            throw CheckpointError(
                file: file.path,
                "the header claims \(length) bytes, but only \(file.count - 8) follow: the file is cut off")
        }
        return 8 + Int(length)
    }

    private static func metadata(_ value: JSONValue, file: String) throws -> [(name: String, text: String)] {
        guard case .object(let object) = value else {
            throw CheckpointError(file: file, subject: "__metadata__", "must be an object of strings")
        }
        return try object.members.map { name, value in
            guard case .string(let text) = value else {
                let problem = "must be a string, found \(value.kind)"
                throw CheckpointError(file: file, subject: "__metadata__.\(name)", problem)
            }
            return (name, text)
        }
    }

    private static func entry(_ name: String, _ value: JSONValue, file: String, dataBytes: Int) throws
        -> (tensor: TensorDescription, range: Range<Int>)
    {
        func refuse(_ problem: String) -> CheckpointError { CheckpointError(file: file, subject: name, problem) }
        func integers(_ field: JSONField) throws -> [Int] { try field.array().map { try $0.integer(in: 0...Int.max) } }
        do {
            let fields = try JSONField(value).object()
            let typeName = try fields.required("dtype").string()
            let shape = try integers(fields.required("shape"))
            let offsets = try integers(fields.required("data_offsets"))
            try fields.finish()
            guard let type = TensorType(rawValue: typeName) else {
                throw refuse("the dtype \"\(typeName)\" is unknown")
            }
            guard offsets.count == 2 else { throw refuse("data_offsets must be [begin, end], found \(offsets)") }
            guard offsets[0] <= offsets[1] else { throw refuse("data_offsets \(offsets) end before they begin") }
            guard offsets[1] <= dataBytes else {
                throw refuse("data_offsets \(offsets) reach beyond the \(dataBytes) bytes of data: the file is cut off")
            }
            let tensor = TensorDescription(name: name, type: type, shape: shape)
            guard let bytes = tensor.sizes?.bytes else { throw refuse("the shape \(shape) is too large") }
            guard bytes == offsets[1] - offsets[0] else {
                throw refuse(
                    "\(typeName) of shape \(shape) takes \(bytes) bytes, but data_offsets \(offsets) hold "
                        + "\(offsets[1] - offsets[0])")
            }
            return (tensor, offsets[0]..<offsets[1])
        } catch let error as JSONError {
            throw refuse(error.description)
        }
    }

    /// `entries` sorted by offset must follow each other without hole or overlap, from 0 to the end.
    private static func checkCoverage(
        _ entries: [(tensor: TensorDescription, range: Range<Int>)], file: String, dataBytes: Int
    ) throws {
        var end = 0
        var previous = "the header"
        for (tensor, range) in entries {
            guard range.lowerBound >= end else {
                throw CheckpointError(file: file, subject: tensor.name, "its data overlap those of \(previous)")
            }
            guard range.lowerBound == end else {
                throw CheckpointError(
                    file: file, subject: tensor.name,
                    "\(range.lowerBound - end) bytes between \(previous) and this tensor belong to none")
            }
            end = range.upperBound
            previous = tensor.name
        }
        guard end == dataBytes else {
            throw CheckpointError(file: file, "\(dataBytes - end) bytes after the last tensor belong to none")
        }
    }
}
