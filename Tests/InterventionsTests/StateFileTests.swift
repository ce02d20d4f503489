import Checkpoints
import Foundation
import Interventions
import Models
import TestSupport
import Testing

@Suite("States and their files")
struct StateFileTests {
    private func state(_ layers: [Int]?, site: Site? = .residOut, shape: [Int] = [2, 1, 2], from: Float = 0)
        -> StateTensor
    {
        StateTensor(
            StateDescription(site: site, layers: layers, layerCount: shape[0], positions: shape[1], width: shape[2]),
            elements: (0..<shape.reduce(1, *)).map { from + Float($0) })
    }

    @Test("a state's file is read back with site and layers, and equal states have equal bytes")
    func ownFile() throws {
        let state = state([2, 5])
        let content = try StateFile.content(of: state)
        #expect(try StateFile.read(content, name: "s") == state)
        #expect(try StateFile.content(of: self.state([2, 5])) == content)
        #expect(try StateFile.content(of: self.state([2, 4])) != content)
    }

    @Test("arrays of one, two and three dimensions are states; several layers without numbers are the first ones")
    func arrays() throws {
        func read(_ shape: [Int]) throws -> StateDescription {
            let file = try NPYFile(shape: shape, elements: Array(repeating: 1, count: shape.reduce(1, *)))
            return try StateFile.read(file.bytes, name: "a.npy").description
        }
        #expect(try read([4]) == StateDescription(site: nil, layers: nil, layerCount: 1, positions: 1, width: 4))
        #expect(try read([3, 4]) == StateDescription(site: nil, layers: nil, layerCount: 1, positions: 3, width: 4))
        #expect(try read([2, 3, 4]).layers == [0, 1])
        #expect(throws: CheckpointError.self) { try read([1, 1, 1, 1]) }
        #expect(throws: CheckpointError.self) { try read([0, 4]) }
        let state = state([0, 1], site: nil)
        #expect(try StateFile.read(StateFile.npy(of: state), name: "a.npy") == state)
    }

    @Test("a tensor of several is chosen by name, or is called state")
    func severalTensors() throws {
        let scratch = try ScratchFolder("states")
        let path = scratch.path("trace.safetensors")
        let writer = try SafetensorsWriter(
            path: path,
            tensors: ["a", "captures.0"].map { TensorDescription(name: $0, type: .float32, shape: [1, 1, 2]) },
            metadata: [("captures.0.site", "mlp_out"), ("captures.0.layers", "3"), ("site", "resid_in")])
        try writer.write([1, 2] as [Float], to: "a")
        try writer.write([3, 4] as [Float], to: "captures.0")
        try writer.finish()
        let content = [UInt8](try Data(contentsOf: scratch.url.appending(path: "trace.safetensors")))
        let chosen = try StateFile.read(content, name: "t", tensor: "captures.0")
        #expect(chosen.description.site == .mlpOut && chosen.description.layers == [3] && chosen.elements == [3, 4])
        #expect(try StateFile.read(content, name: "t", tensor: "a").description.site == nil)
        let several = try #require(throws: CheckpointError.self) { try StateFile.read(content, name: "t") }
        #expect(several.problem.contains("a, captures.0"))
        let other = try #require(throws: CheckpointError.self) {
            try StateFile.read(content, name: "t", tensor: "captures.0", site: .residIn)
        }
        #expect(other.subject == "__metadata__.site")
    }

    @Test("what is not finite, and layers that do not count up to the shape, are refused")
    func refusals() throws {
        let broken = try NPYFile(shape: [2], elements: [1, .nan])
        #expect(throws: CheckpointError.self) { try StateFile.read(broken.bytes, name: "a") }
        let one = try NPYFile(shape: [2], elements: [1, 2])
        #expect(throws: CheckpointError.self) { try StateFile.read(one.bytes, name: "a", layers: [1, 2]) }
        #expect(throws: CheckpointError.self) { try StateFile.read(Array("junk and more".utf8), name: "a") }
    }

    @Test("sums, means and differences keep what agrees and forget what does not")
    func combining() throws {
        let (a, b) = (state([2, 5]), state([2, 5], from: 1))
        #expect(try StateTensor.mean(of: [a, b]).elements == [0.5, 1.5, 2.5, 3.5])
        #expect(try StateTensor.sum(of: [a, b]).elements == [1, 3, 5, 7])
        #expect(try StateTensor.difference(b, a).elements == [1, 1, 1, 1])
        #expect(try StateTensor.difference(b, a).description == a.description)
        #expect(try StateTensor.mean(of: [a, state([2, 5], site: .residIn)]).description.site == nil)
        #expect(throws: InterventionError.self) { try StateTensor.mean(of: []) }
        #expect(throws: InterventionError.self) { try StateTensor.sum(of: [a, state([2, 4])]) }
        let error = try #require(throws: InterventionError.self) {
            try StateTensor.sum(of: [a, b, state([2, 5], shape: [2, 2, 2])])
        }
        #expect(error.path == "sum[2]" && error.code == .stateMismatch)
        #expect(state(nil, shape: [1, 2, 2]).pooled.elements == [1, 2])
        #expect(state([2, 5]).norms == [[1], [Double(13).squareRoot()]])
    }
}
