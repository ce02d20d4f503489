import Foundation
import Jobs
import Models
import Store
import StrictJSON

/// Turns the paths of pictures in a request into `data:` URLs, so that what follows is what HTTP does.
struct PictureReferences {
    private var known: [String: String] = [:]

    /// What a request says for `reference`: digests and `data:` URLs as they are, anything else read as a file.
    ///
    /// - throws: ``CommandError`` that names the file.
    mutating func resolve(_ reference: String) throws(CommandError) -> String {
        if reference.hasPrefix("data:") || reference.hasPrefix("sha256:") { return reference }
        if let known = known[reference] { return known }
        let content = try Self.file(reference)
        let text = "data:application/octet-stream;base64,\(Data(content).base64EncodedString())"
        known[reference] = text
        return text
    }

    /// A picture's file, which is one that can be decoded.
    ///
    /// - throws: ``CommandError`` that names it.
    static func file(_ path: String) throws(CommandError) -> [UInt8] {
        let content: [UInt8]
        do { content = [UInt8](try Data(contentsOf: URL(filePath: path))) } catch {
            throw CommandError("\(path) cannot be read; give a PNG or JPEG file")
        }
        do { _ = try PictureFile(content) } catch { throw CommandError("\(path): \(error)") }
        return content
    }
}

extension Workplace {
    /// Checks a request in full and lays it out; files' paths may stand in it for pictures and states.
    func plan(_ specification: JobSpecification, pictures hold: JobService.PictureHold = .store) async throws -> JobPlan
    {
        var specification = specification
        var pictures = PictureReferences()
        try await specification.mapImages { reference, _ in try pictures.resolve(reference) }
        var states: [String: NewState] = [:]
        try await specification.mapStates { reference, _ in
            if reference.hasPrefix("sha256:") { return reference }
            if states[reference] == nil { states[reference] = try StateFiles.newState(reference) }
            return states[reference]?.digest ?? reference
        }
        return try await service.plan(specification, pictures: hold, states: Array(states.values))
    }
}

/// Reads a file of JSON.
///
/// - throws: ``CommandError`` that names the file.
func readJSON(_ path: String) throws(CommandError) -> JSONValue {
    let content: Data
    do {
        content =
            path == "-" ? FileHandle.standardInput.readDataToEndOfFile() : try Data(contentsOf: URL(filePath: path))
    } catch {
        throw CommandError("\(path) cannot be read")
    }
    do { return try JSONParser.parse([UInt8](content)) } catch { throw CommandError("\(path): \(error)") }
}

/// Reads a file that holds one JSON object.
func readJSONObject(_ path: String) throws(CommandError) -> JSONObject {
    guard let object = try readJSON(path).objectValue else { throw CommandError("\(path): must be a JSON object") }
    return object
}
