import Checkpoints
import Interventions
package import Models
package import Store
package import StrictJSON

/// A state that comes as a file, with what its bringer knows of it.
package struct StateUpload: Sendable {
    package var name: String?
    package var site: Site?
    package var layers: [Int]?
    /// Which tensor of a safetensors file.
    package var tensor: String?

    package init() {}

    /// Reads `name`, `site`, `layers` and `tensor`, as a query or a form has them: all of them texts.
    package init(_ members: JSONFields) throws(JSONError) {
        name = try members.optional("name").map { field throws(JSONError) in try StateRequest.name(field) }
        site = try members.optional("site").map { field throws(JSONError) in try Site(field) }
        layers = try members.optional("layers").map { field throws(JSONError) in try Self.layers(field) }
        tensor = try members.optional("tensor")?.string()
        try members.finish()
    }

    /// More layers than any model has: of a range without an end, or of ranges named again and again.
    private static let layerLimit = 10_000

    /// A list of layers in a text: `"3"`, `"0..<6"`, `"0,2,4..<6"`, `"[0, 2]"`.
    private static func layers(_ field: JSONField) throws(JSONError) -> [Int] {
        var text = try field.string()
        if text.hasPrefix("["), text.hasSuffix("]") { text = String(text.dropFirst().dropLast()) }
        var layers: [Int] = []
        func add(_ range: Range<Int>) throws(JSONError) {
            guard range.count <= Self.layerLimit - layers.count else {
                throw field.invalid("names more than \(Self.layerLimit) layers; write 0..<6")
            }
            layers += range
        }
        for piece in text.split(separator: ",", omittingEmptySubsequences: false) {
            let piece = JSONField(.string(piece.filter { $0 != " " }), path: field.path)
            guard case .list(let items) = try LayerSelection(piece) else {
                throw field.invalid("\"\(text)\" is no list of layers; write 3, 0..<6 or 0,2,4")
            }
            for item in items {
                switch item {
                case .index(let index): try add(index..<index + 1)
                case .range(let range): try add(range)
                }
            }
        }
        return layers
    }

    /// The state in a file.
    ///
    /// - Parameter file: what errors call it.
    /// - throws: ``MalformedState``.
    package func state(in content: [UInt8], called file: String) throws(MalformedState) -> NewState {
        guard Self.isNPY(content) || Self.isSafetensors(content) else {
            throw MalformedState(
                detail: "\(file) is neither a .npy file (numpy.save) nor a safetensors file", isNoState: true)
        }
        do {
            let state = try StateFile.read(content, name: file, tensor: tensor, site: site, layers: layers)
            var origin = JSONObject([
                ("made", "upload"), ("format", Self.isNPY(content) ? "npy" : "safetensors"),
            ])
            if let tensor { origin["tensor"] = .string(tensor) }
            return try NewState(state, name: name, origin: .object(origin))
        } catch {
            throw MalformedState(detail: "\(error)", isNoState: false)
        }
    }

    package static func isNPY(_ content: [UInt8]) -> Bool { content.starts(with: NPYFile.magic) }

    /// Whether the content begins as a safetensors file does: with the length of a header that fits, and its brace.
    package static func isSafetensors(_ content: [UInt8]) -> Bool {
        guard content.count > 8, content[8] == UInt8(ascii: "{") else { return false }
        let length = content.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return length <= UInt64(content.count - 8)
    }
}

/// A file that is no state.
package struct MalformedState: Error, Sendable, CustomStringConvertible {
    package let detail: String
    /// Whether it is a file of another kind altogether.
    package let isNoState: Bool

    package var description: String { detail }
}
