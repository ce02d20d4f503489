import Checkpoints
import Testing

/// A file as `numpy.save` writes it, with another header or other bytes.
private func file(_ header: String, _ data: [UInt8], version: UInt8 = 1) -> [UInt8] {
    let length = header.utf8.count
    let size: [UInt8] = [UInt8(length & 0xFF), UInt8(length >> 8)] + (version == 1 ? [] : [0, 0])
    return NPYFile.magic + [version, 0] + size + Array(header.utf8) + data
}

private let four: [UInt8] = [0, 0, 0x80, 0x3F]

private let refused: [([UInt8], String)] = [
    (Array("PK\u{3}\u{4}".utf8), "no .npy file"),
    (file("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", four, version: 4), "version 4.0"),
    (file("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", four), "'>f4'"),
    (file("{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }", four), "astype"),
    (file("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", four), "Fortran order"),
    (file("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", four), "takes 8 bytes, and 4 follow"),
    (file("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", four + four), "takes 4 bytes, and 8 follow"),
    (file("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }", four), "too large"),
    (file("{'descr': '<f4', 'fortran_order': False, }", four), "'shape' is missing"),
    (file("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", four), "twice"),
    (file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", four), "structured"),
    (file("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", four), "dimension"),
    (file("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x", four), "something follows"),
    (Array(file("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", four).prefix(40)), "cut off"),
]

@Suite("NumPy's array files")
struct NPYFileTests {
    @Test("an array is written byte for byte as numpy.save writes it, and is read back")
    func roundTrip() throws {
        let array = try NPYFile(shape: [2, 1, 3], elements: [0, 1, 2, 3, 4, 5])
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 3), }"
        #expect(array.bytes.count == 128 + 24)
        #expect(array.bytes.prefix(10) == NPYFile.magic[...] + [1, 0, 118, 0])
        #expect(array.bytes[10..<(10 + header.utf8.count)].elementsEqual(header.utf8))
        #expect(array.bytes[127] == UInt8(ascii: "\n"))
        #expect(try NPYFile(array.bytes, name: "a.npy") == array)
        let scalar = try NPYFile(shape: [], elements: [7])
        #expect(try NPYFile(scalar.bytes, name: "a.npy") == scalar)
        #expect(throws: CheckpointError.self) { try NPYFile(shape: [2], elements: [1]) }
    }

    @Test("float16 and float64 are read as float32, and every format version")
    func types() throws {
        let half = file("{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }", [0, 0x3C, 0, 0xC1])
        #expect(try NPYFile(half, name: "a.npy").elements == [1, -2.5])
        let double = file(
            "{'shape': (1,), 'descr': \"<f8\", 'fortran_order': True}", [0, 0, 0, 0, 0, 0, 0xF8, 0x3F], version: 2)
        #expect(try NPYFile(double, name: "a.npy") == NPYFile(shape: [1], elements: [1.5]))
    }

    @Test("what is no array of floats in C order is refused with its reason", arguments: refused)
    func refusals(bytes: [UInt8], word: String) throws {
        let error = try #require(throws: CheckpointError.self) { try NPYFile(bytes, name: "a.npy") }
        #expect(error.file == "a.npy")
        #expect(error.problem.contains(word), "\(error.problem)")
    }
}
