import Checkpoints
import Foundation
import Testing

@Suite("A safetensors file") struct SafetensorsFileTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func refusal(_ bytes: [UInt8]) throws -> String {
        let path = try scratch.write(bytes, "a.safetensors")
        do {
            _ = try SafetensorsFile(path: path)
            return "accepted"
        } catch let error as CheckpointError {
            #expect(error.file == path)
            return error.description
        }
    }

    @Test("its tensors are listed in the order of their data, with its metadata")
    func listsTensors() throws {
        let header =
            #"{"__metadata__":{"format":"pt"},"b":{"dtype":"F16","shape":[2],"data_offsets":[4,8]},"#
            + #""a":{"dtype":"I32","shape":[],"data_offsets":[0,4]},"empty":{"dtype":"F32","shape":[0,3],"data_offsets":[8,8]}}  "#
        let file = try SafetensorsFile(
            path: scratch.write(safetensors(header, data: [UInt8](repeating: 0, count: 8)), "a.safetensors"))
        #expect(file.tensors.map(\.name) == ["a", "b", "empty"])
        #expect(file.tensors.map(\.shape) == [[], [2], [0, 3]])
        #expect(file.metadata.map(\.text) == ["pt"])
    }

    @Test(
        "what the header says wrongly is refused by tensor",
        arguments: [
            (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, "takes 8 bytes"),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, "end before they begin"),
            (#"{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}"#, "cut off"),
            (#"{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}"#, "F33"),
            (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, "shape[0]"),
            (#"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, "shape[0]"),
            (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, "too large"),
            (#"{"a":{"dtype":"F32","shape":[1e30],"data_offsets":[0,4]}}"#, "shape[0]"),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}"#, "[begin, end]"),
            (#"{"a":{"dtype":"F32","shape":[1]}}"#, "data_offsets"),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"extra":1}}"#, "extra"),
            (#"{"a":7}"#, "expected an object"),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, "belong to none"),
        ])
    func refusesByTensor(header: String, words: String) throws {
        let refusal = try refusal(safetensors(header, data: [UInt8](repeating: 0, count: 8)))
        #expect(refusal.contains(": a: ") && refusal.contains(words), "\(refusal)")
    }

    @Test("a file in memory is checked as one on disk is, and called what the caller calls it")
    func inMemory() throws {
        #expect(throws: CheckpointError(file: "the content", "is 3 bytes long; a safetensors file has at least 8")) {
            try SafetensorsFile(content: [1, 2, 3], name: "the content")
        }
    }

    @Test("floats of every size are read as Float, doubles rounded; integers are refused")
    func floats() throws {
        func file(_ type: String, _ data: [UInt8]) throws -> SafetensorsFile {
            let header = #"{"a":{"dtype":"\#(type)","shape":[1,2],"data_offsets":[0,\#(data.count)]}}"#
            return try SafetensorsFile(content: safetensors(header, data: data), name: "x")
        }
        func bytes<T>(_ values: [T]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }
        #expect(try file("F32", bytes([1.5, -2] as [Float])).floats(of: "a") == [1.5, -2])
        #expect(try file("F16", bytes([0x3E00, 0xC000] as [UInt16])).floats(of: "a") == [1.5, -2])
        #expect(try file("BF16", bytes([0x3FC0, 0xC000] as [UInt16])).floats(of: "a") == [1.5, -2])
        #expect(try file("F64", bytes([0.1, 1e300])).floats(of: "a") == [0.1, .infinity])
        #expect {
            try file("I32", bytes([1, 2] as [Int32])).floats(of: "a")
        } throws: {
            "\($0)" == "x: a: its elements are I32, no F16, BF16, F32 or F64"
        }
    }

    @Test("overlaps, holes, a rest and doubled names are refused")
    func refusesBadCoverage() throws {
        func pair(_ first: String, _ second: String) -> [UInt8] {
            safetensors(
                #"{"a":{"dtype":"U8","shape":[4],"data_offsets":\#(first)},"#
                    + #""b":{"dtype":"U8","shape":[4],"data_offsets":\#(second)}}"#,
                data: [UInt8](repeating: 0, count: 12))
        }
        #expect(try refusal(pair("[0,4]", "[2,6]")).contains("b: its data overlap those of a"))
        #expect(try refusal(pair("[0,4]", "[8,12]")).contains("b: 4 bytes between a and this tensor"))
        #expect(try refusal(pair("[0,4]", "[4,8]")).contains("4 bytes after the last tensor"))
        let twice =
            #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"#
            + #""a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#
        #expect(try refusal(safetensors(twice, data: [UInt8](repeating: 0, count: 8))).contains("appears twice"))
    }

    @Test("a header that is too long, cut off or no JSON object is refused")
    func refusesBadHeaders() throws {
        func length(_ length: UInt64, _ rest: String) -> [UInt8] {
            withUnsafeBytes(of: length.littleEndian) { Array($0) } + Array(rest.utf8)
        }
        #expect(try refusal([1, 2, 3]).contains("at least 8"))
        #expect(try refusal([]).contains("at least 8"))
        #expect(try refusal(length(UInt64.max, "{}")).contains("at most"))
        #expect(try refusal(length(100, "{}")).contains("cut off"))
        #expect(try refusal(length(2, "[]")).contains("does not begin"))
        #expect(try refusal(length(0, "")).contains("does not begin"))
        #expect(try refusal(length(3, "{,}")).contains("damaged"))
        #expect(try refusal(safetensors(#"{"__metadata__":{"a":1}}"#)).contains("__metadata__.a"))
        #expect(try refusal(safetensors(String(repeating: #"{"a":"#, count: 5000))).contains("nested"))
    }

    @Test("every truncation and every changed header byte is refused or read, never a crash")
    func survivesDamage() throws {
        let header =
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"#
            + #""b":{"dtype":"BF16","shape":[1,2],"data_offsets":[4,8]}}"#
        let whole = safetensors(header, data: [UInt8](repeating: 1, count: 8))
        for length in 0..<whole.count { #expect(try refusal(Array(whole[..<length])) != "accepted") }
        for position in whole.indices {
            for bit in [0, 3, 6] {
                var damaged = whole
                damaged[position] ^= 1 << bit
                _ = try refusal(damaged)
            }
        }
    }

    @Test("a folder or a missing file is refused")
    func refusesNoFile() throws {
        #expect(throws: CheckpointError.self) { try SafetensorsFile(path: scratch.path) }
        #expect(throws: CheckpointError.self) { try SafetensorsFile(path: scratch.path + "/none") }
    }

    @Test("a file that is truncated after it was opened is an error when read")
    func noticesTruncation() throws {
        let path = try scratch.write(safetensors(tensors: ["a": 1]), "a.safetensors")
        let file = try SafetensorsFile(path: path)
        #expect(truncate(path, 20) == 0)
        #expect(throws: CheckpointError.self) { try file.withBytes(of: "a") { _, bytes in bytes.count } }
    }
}
