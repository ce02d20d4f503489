import Foundation
import FuzzTargets
import TestSupport
import Testing

extension FuzzTarget: CustomTestStringConvertible {
    package var testDescription: String { name }
}

/// The short run of what `make fuzz` does at length.
@Suite("Bytes from outside")
struct FuzzTests {
    /// How many changed forms of each input are tried.
    private static let changes = 60

    /// The target's inputs, in the order of their names.
    private static func inputs(of target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let folder = Narrowgate.root.appending(path: "Tests/Fuzz/corpora/\(target.name)")
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map { name in
            (name, [UInt8](try Data(contentsOf: folder.appending(path: name))))
        }
    }

    @Test("every input that is kept is read or refused, and what must hold holds", arguments: FuzzTarget.all)
    func kept(target: FuzzTarget) throws {
        let inputs = try Self.inputs(of: target)
        #expect(inputs.count >= 15)
        for input in inputs {
            #expect(throws: Never.self, "\(input.name)") { try target.run(input.bytes) }
        }
    }

    @Test("so are forms of them with bytes changed, removed, doubled and mixed", arguments: FuzzTarget.all)
    func changed(target: FuzzTarget) throws {
        let inputs = try Self.inputs(of: target)
        var mutation = Mutation(seed: target.name.utf8.reduce(UInt64(0)) { $0 &* 31 &+ UInt64($1) })
        for (position, input) in inputs.enumerated() {
            for change in 0..<Self.changes {
                let other = inputs[(position + change) % inputs.count].bytes
                let bytes = mutation.changed(input.bytes, with: other)
                #expect(throws: Never.self, "change \(change) of \(input.name): \(Data(bytes).base64EncodedString())") {
                    try target.run(bytes)
                }
            }
        }
    }
}
