import Foundation
import Interventions
import Jobs
import Store
import StrictJSON

/// The states that a request of the command line names by their files: `cross.npy`, `trace.safetensors#captures.0`.
struct StateFiles {
    /// By what the request calls them.
    let states: [String: StateTensor]

    /// - throws: ``CommandError`` that names the file.
    init(_ references: Set<String>) throws(CommandError) {
        var states: [String: StateTensor] = [:]
        for reference in references { states[reference] = try Self.state(reference) }
        self.states = states
    }

    private static func state(_ reference: String) throws(CommandError) -> StateTensor {
        guard !reference.hasPrefix("sha256:") else {
            throw CommandError("\(reference): here a state is a file; give a .npy or .safetensors file's path")
        }
        return try read(reference)
    }

    /// The state in a file, to be stored under the file's name.
    ///
    /// - throws: ``CommandError`` that names the file.
    static func newState(_ reference: String) throws -> NewState {
        let state = try read(reference)
        return try NewState(
            state, name: URL(filePath: reference).lastPathComponent,
            origin: ["made": "upload", "file": .string(reference)])
    }

    private static func read(_ reference: String) throws(CommandError) -> StateTensor {
        let mark = FileManager.default.fileExists(atPath: reference) ? nil : reference.lastIndex(of: "#")
        let path = mark.map { String(reference[..<$0]) } ?? reference
        let tensor = mark.map { String(reference[reference.index(after: $0)...]) }
        let content: [UInt8]
        do { content = [UInt8](try Data(contentsOf: URL(filePath: path))) } catch {
            throw CommandError("\(path) cannot be read; give a .npy or .safetensors file")
        }
        do { return try StateFile.read(content, name: path, tensor: tensor) } catch { throw CommandError("\(error)") }
    }
}
