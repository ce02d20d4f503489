/// An array in NumPy's `.npy` format, widened to `Float`, row-major.
///
///     6 bytes    \x93NUMPY
///     2 bytes    version, 1.0 to 3.0
///     2 or 4     N, the header's length, little-endian (4 from version 2.0 on)
///     N bytes    {'descr': '<f4', 'fortran_order': False, 'shape': (6, 1, 192), }
///     the rest   the elements
///
/// Float16, float32 and float64 in little-endian C order are read. float32 is written as `numpy.save` writes it.
package struct NPYFile: Sendable, Equatable {
    package let shape: [Int]
    package let elements: [Float]

    /// What every such file begins with.
    package static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

    /// - throws: ``CheckpointError`` where `elements` do not fill `shape`.
    package init(shape: [Int], elements: [Float]) throws(CheckpointError) {
        let sizes = TensorDescription(name: "", type: .float32, shape: shape).sizes
        guard sizes?.elements == elements.count else {
            throw CheckpointError(file: "array", "\(elements.count) elements do not make the shape \(shape)")
        }
        self.shape = shape
        self.elements = elements
    }

    /// Reads a whole file.
    ///
    /// - Parameter name: what errors call it.
    /// - throws: ``CheckpointError`` that says what is wrong and what would be right.
    package init(_ bytes: [UInt8], name: String) throws(CheckpointError) {
        func refuse(_ problem: String) -> CheckpointError { CheckpointError(file: name, problem) }
        guard bytes.starts(with: Self.magic), bytes.count >= 10 else {
            throw refuse("does not begin with \\x93NUMPY: this is no .npy file")
        }
        guard (1...3).contains(bytes[6]), bytes[7] == 0 else {
            throw refuse("has the format version \(bytes[6]).\(bytes[7]); 1.0, 2.0 and 3.0 are read")
        }
        let lengthBytes = bytes[6] == 1 ? 2 : 4
        let length = bytes[8...].prefix(lengthBytes).reversed().reduce(0) { $0 << 8 | Int($1) }
        let start = 8 + lengthBytes + length
        guard bytes.count >= start else { throw refuse("is cut off in its header") }
        let header: NPYHeader
        do { header = try NPYHeader(bytes[(8 + lengthBytes)..<start]) } catch { throw refuse(error.problem) }
        let types: [String: TensorType] = ["<f2": .float16, "<f4": .float32, "<f8": .float64]
        guard let type = types[header.type] else {
            throw refuse("holds '\(header.type)'; '<f4', '<f2' and '<f8' are read: save x.astype('float32')")
        }
        guard !header.isFortranOrder || header.shape.count < 2 else {
            throw refuse("is in Fortran order; save numpy.ascontiguousarray(x)")
        }
        guard let sizes = TensorDescription(name: name, type: type, shape: header.shape).sizes else {
            throw refuse("the shape \(header.shape) is too large")
        }
        guard sizes.bytes == bytes.count - start else {
            throw refuse(
                "the shape \(header.shape) of '\(header.type)' takes \(sizes.bytes) bytes, and \(bytes.count - start) follow the header"
            )
        }
        shape = header.shape
        // The three types are all known to it.
        elements = bytes[start...].withUnsafeBytes { FloatConversion.floats($0, as: type, count: sizes.elements) ?? [] }
    }

    /// The file's bytes up to its elements, for a float32 array in C order.
    package static func header(shape: [Int]) -> [UInt8] {
        let dimensions = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        var text = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(dimensions)), }"
        // Spaces and a line's end bring the elements to a multiple of 64 bytes.
        text += String(repeating: " ", count: (64 - (10 + text.utf8.count + 1) % 64) % 64) + "\n"
        let length = UInt16(text.utf8.count)
        return magic + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)] + Array(text.utf8)
    }

    /// The whole file.
    package var bytes: [UInt8] {
        // Every machine that this runs on is little-endian, as the file is.
        Self.header(shape: shape) + elements.withUnsafeBytes { Array($0) }
    }
}

/// The dictionary of a `.npy` header: a Python literal of three entries.
struct NPYHeader {
    private(set) var type = ""
    private(set) var isFortranOrder = false
    private(set) var shape: [Int] = []

    struct Malformed: Error { let problem: String }

    private var text: ArraySlice<UInt8>

    init(_ text: ArraySlice<UInt8>) throws(Malformed) {
        self.text = text
        var seen: Set<String> = []
        try expect("{")
        while !accept("}") {
            let key = try string()
            guard seen.insert(key).inserted else { throw malformed("'\(key)' appears twice") }
            try expect(":")
            switch key {
            case "descr": type = try string()
            case "fortran_order": isFortranOrder = try flag()
            case "shape": shape = try dimensions()
            default: throw malformed("'\(key)' is unknown")
            }
            if !accept(",") {
                try expect("}")
                break
            }
        }
        skipSpace()
        guard self.text.isEmpty else { throw malformed("something follows the dictionary") }
        for key in ["descr", "fortran_order", "shape"] where !seen.contains(key) {
            throw malformed("'\(key)' is missing")
        }
    }

    private func malformed(_ problem: String) -> Malformed { Malformed(problem: "the header is damaged: \(problem)") }

    private mutating func skipSpace() {
        text = text.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
    }

    private mutating func accept(_ word: String) -> Bool {
        skipSpace()
        guard text.starts(with: word.utf8) else { return false }
        text = text.dropFirst(word.utf8.count)
        return true
    }

    private mutating func expect(_ word: String) throws(Malformed) {
        guard accept(word) else { throw malformed("expected \(word)") }
    }

    private mutating func string() throws(Malformed) -> String {
        skipSpace()
        guard let quote = text.first, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\""),
            let end = text.dropFirst().firstIndex(of: quote)
        else { throw malformed("expected a string; structured arrays are not read") }
        defer { text = text[(end + 1)...] }
        return String(decoding: text[(text.startIndex + 1)..<end], as: UTF8.self)
    }

    private mutating func flag() throws(Malformed) -> Bool {
        if accept("True") { return true }
        try expect("False")
        return false
    }

    private mutating func dimensions() throws(Malformed) -> [Int] {
        var dimensions: [Int] = []
        try expect("(")
        while !accept(")") {
            skipSpace()
            let digits = text.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard let dimension = Int(String(decoding: digits, as: UTF8.self)) else {
                throw malformed("expected a dimension")
            }
            text = text.dropFirst(digits.count)
            dimensions.append(dimension)
            if !accept(",") {
                try expect(")")
                break
            }
        }
        return dimensions
    }
}
