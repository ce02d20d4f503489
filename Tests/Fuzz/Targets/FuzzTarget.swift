/// A reader of bytes that come from outside, and what must hold whatever they are.
///
/// A target feeds its input to the reader that the server uses. Refusals are right answers; a crash, a hang, and a
/// property that does not hold are faults.
package struct FuzzTarget: Sendable {
    /// The name of its folder of inputs under `Tests/Fuzz/corpora`.
    package let name: String
    /// Reads one input.
    ///
    /// - throws: ``BrokenProperty``.
    package let run: @Sendable ([UInt8]) throws -> Void

    /// All of them.
    package static let all: [FuzzTarget] = [
        FuzzTarget(name: "http1", run: HTTP1Input.run),
        FuzzTarget(name: "http2", run: HTTP2Input.run),
        FuzzTarget(name: "multipart", run: FormInput.run),
        FuzzTarget(name: "json", run: JSONInput.run),
        FuzzTarget(name: "requests", run: RequestInput.run),
        FuzzTarget(name: "interventions", run: InterventionInput.run),
        FuzzTarget(name: "picture", run: PictureInput.run),
        FuzzTarget(name: "safetensors", run: StateInput.run),
        FuzzTarget(name: "npy", run: StateInput.run),
        FuzzTarget(name: "tokenizer", run: TokenizerInput.run),
    ]

    /// The target called `name`.
    package static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}

/// Something that must hold for every input, and does not for this one.
package struct BrokenProperty: Error, CustomStringConvertible {
    package let description: String
}

/// Refuses to go on where `holds` is false.
func demand(_ holds: Bool, _ property: @autoclosure () -> String) throws {
    guard holds else { throw BrokenProperty(description: property()) }
}

/// An input whose first byte says how the rest arrives: whole, byte by byte, or in pieces of growing sizes.
struct PiecewiseInput {
    let mode: UInt8
    let bytes: ArraySlice<UInt8>

    init(_ input: [UInt8]) {
        mode = input.first ?? 0
        bytes = input.dropFirst()
    }

    /// The bytes in the pieces that the first byte asks for, none of them empty.
    var pieces: [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var at = bytes.startIndex
        var size = Int(mode & 0x0F) + 1
        while at < bytes.endIndex {
            let end = min(at + size, bytes.endIndex)
            pieces.append(bytes[at..<end])
            at = end
            size += Int(mode >> 4)
        }
        return pieces
    }
}
