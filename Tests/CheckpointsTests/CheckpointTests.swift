import Checkpoints
import Foundation
import StrictJSON
import Testing

@Suite("A checkpoint folder") struct CheckpointTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func refusal() -> String {
        do {
            _ = try Checkpoint(directory: scratch.path)
            return "accepted"
        } catch { return "\(error)" }
    }

    private func index(_ map: [String: String]) throws {
        let members = map.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) }
        let document: JSONValue = ["metadata": ["total_size": 8], "weight_map": .object(JSONObject(members))]
        try scratch.write(document.text, "model.safetensors.index.json")
    }

    @Test("float32, float16 and bfloat16 become floats exactly, aligned or not")
    func widens() throws {
        let halves: [UInt16] = (0...UInt16.max).map { $0 }
        let brains: [UInt16] = [0x0000, 0x8000, 0x3F80, 0xC020, 0x7F80, 0xFF80, 0x0001, 0x7FC1]
        let singles: [Float] = [0, -0.0, 1.5, -.infinity, .leastNonzeroMagnitude, 3.4028235e38]
        var data: [UInt8] = []
        halves.withUnsafeBytes { data.append(contentsOf: $0) }
        brains.withUnsafeBytes { data.append(contentsOf: $0) }
        singles.withUnsafeBytes { data.append(contentsOf: $0) }
        for padding in 0..<3 {
            let header =
                #"{"h":{"dtype":"F16","shape":[256,256],"data_offsets":[0,131072]},"#
                + #""b":{"dtype":"BF16","shape":[8],"data_offsets":[131072,131088]},"#
                + #""f":{"dtype":"F32","shape":[2,3],"data_offsets":[131088,131112]}}"#
                + String(repeating: " ", count: padding)
            try scratch.write(safetensors(header, data: data), "model.safetensors")
            let checkpoint = try Checkpoint(directory: scratch.path)
            #expect(checkpoint.tensorNames == ["b", "f", "h"])
            let widened = try checkpoint.floats("h", shape: [256, 256])
            let wrong = zip(halves, widened).filter { half, float in
                let expected = Float(Float16(bitPattern: half))
                return expected.isNaN ? !float.isNaN : float.bitPattern != expected.bitPattern
            }
            #expect(wrong.isEmpty)
            #expect(try checkpoint.floats("b", shape: [8]).map(\.bitPattern) == brains.map { UInt32($0) << 16 })
            #expect(try checkpoint.floats("f", shape: [2, 3]).map(\.bitPattern) == singles.map(\.bitPattern))
        }
    }

    @Test("the wrong shape, an integer tensor and an unknown name are refused by name")
    func refusesByName() throws {
        let header = #"{"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#
        try scratch.write(safetensors(header, data: [UInt8](repeating: 0, count: 8)), "model.safetensors")
        let checkpoint = try Checkpoint(directory: scratch.path)
        #expect(checkpoint.shape(of: "i") == [1])
        #expect(checkpoint.contains("i") && !checkpoint.contains("j"))
        func refusal(_ name: String, _ shape: [Int]) -> String {
            do { return "\(try checkpoint.floats(name, shape: shape))" } catch { return "\(error)" }
        }
        #expect(refusal("i", [1]).contains("i: holds I64"))
        #expect(refusal("i", [2]).contains("i: has shape [1]; the configuration asks for [2]"))
        #expect(refusal("j", [2]).contains("j: the checkpoint has no such tensor"))
    }

    @Test("shards are joined through the index")
    func joinsShards() throws {
        try scratch.write(safetensors(tensors: ["a": 1, "b": 2]), "model-1.safetensors")
        try scratch.write(safetensors(tensors: ["c": 3]), "model-2.safetensors")
        try index(["a": "model-1.safetensors", "b": "model-1.safetensors", "c": "model-2.safetensors"])
        let checkpoint = try Checkpoint(directory: scratch.path)
        #expect(checkpoint.tensorNames == ["a", "b", "c"])
        #expect(checkpoint.parameterCount == 3)
        #expect(try checkpoint.floats("c", shape: [1]) == [3])
    }

    @Test("an index that disagrees with its shards is refused by tensor")
    func refusesBadIndexes() throws {
        #expect(refusal().contains("neither model.safetensors nor"))
        try scratch.write(safetensors(tensors: ["a": 1]), "model-1.safetensors")
        try scratch.write(safetensors(tensors: ["a": 1, "b": 2]), "model-2.safetensors")
        try index(["a": "model-1.safetensors", "b": "model-1.safetensors"])
        #expect(refusal().contains("b: is said to be in model-1.safetensors, but is not there"))
        try index(["a": "model-2.safetensors"])
        #expect(refusal().contains("b: is in") && refusal().contains("not in weight_map"))
        try index(["a": "model-1.safetensors", "b": "model-2.safetensors"])
        #expect(refusal().contains("a: is also in"))
        try index(["a": "model-3.safetensors"])
        #expect(refusal().contains("model-3.safetensors"))
        for name in ["../model-1.safetensors", "/etc/passwd", ".safetensors", "sub/m.safetensors", "m.bin"] {
            try index(["a": name])
            #expect(refusal().contains("plain name"))
        }
        try scratch.write("{}", "model.safetensors.index.json")
        #expect(refusal().contains("weight_map: is required"))
        try scratch.write(#"{"weight_map":["a"]}"#, "model.safetensors.index.json")
        #expect(refusal().contains("weight_map: expected an object"))
    }

    @Test("the fingerprint follows contents, not places or times")
    func fingerprints() throws {
        try scratch.write(safetensors(tensors: ["a": 1]), "model.safetensors")
        try scratch.write("{}", "config.json")
        let cache = DigestCache(path: scratch.path + "/digests.json")
        let first = try Checkpoint(directory: scratch.path).fingerprint(cache: cache)
        #expect(first.hasPrefix("sha256:") && first.count == 71)
        #expect(try Checkpoint(directory: scratch.path).fingerprint(cache: cache) == first)
        let other = try Scratch()
        try other.write(safetensors(tensors: ["a": 1]), "model.safetensors")
        try other.write("{}", "config.json")
        #expect(try Checkpoint(directory: other.path).fingerprint(cache: DigestCache(path: nil)) == first)
        try scratch.write("{ }", "config.json")
        let second = try Checkpoint(directory: scratch.path).fingerprint(cache: cache)
        #expect(second != first)
        try scratch.write(safetensors(tensors: ["a": 2]), "model.safetensors")
        #expect(try Checkpoint(directory: scratch.path).fingerprint(cache: cache) != second)
    }

    @Test("remembered digests are used while nothing changed, and a damaged cache is ignored")
    func remembersDigests() throws {
        let path = try scratch.write("abc", "file")
        let cachePath = scratch.path + "/digests.json"
        let cache = DigestCache(path: cachePath)
        let right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(try cache.digests(of: [path]) == [right])
        let forged = String(repeating: "0", count: 64)
        let text = try String(contentsOfFile: cachePath, encoding: .utf8)
        try scratch.write(text.replacingOccurrences(of: right, with: forged), "digests.json")
        #expect(try cache.digests(of: [path]) == [forged])
        try scratch.write("{broken", "digests.json")
        #expect(try cache.digests(of: [path]) == [right])
        try scratch.write("abcd", "file")
        #expect(try cache.digests(of: [path]) == [SHA256.digest(of: Array("abcd".utf8))])
    }
}
