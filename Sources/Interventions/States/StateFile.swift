package import Checkpoints
package import Models

/// States in files: `.npy` and safetensors in, safetensors and `.npy` out.
///
/// A state's own file is safetensors with one tensor, `state`, of F32 and `[layers, positions, width]`, and in its metadata
/// `site` and `layers` (`"0,1,2"`) where they are known and nothing else: equal states have equal bytes. Where a file has
/// several tensors, their metadata are under `NAME.site` and `NAME.layers`, as in traces.
package enum StateFile {
    /// The name of the tensor in a state's own file.
    package static let tensorName = "state"

    /// The state in a file of either kind.
    ///
    /// `[width]` is one layer and one position, `[positions, width]` one layer.
    ///
    /// - Parameters:
    ///   - name: what errors call the file.
    ///   - tensor: which tensor of a safetensors file; it may be left out where there is one, or one called `state`.
    ///   - site: where it was taken, if the caller knows.
    ///   - layers: the model's layers that its slices belong to, if the caller knows.
    /// - throws: `CheckpointError` that says what is wrong with the file.
    package static func read(
        _ content: [UInt8], name: String, tensor: String? = nil, site: Site? = nil, layers: [Int]? = nil
    ) throws -> StateTensor {
        if content.starts(with: NPYFile.magic) {
            guard tensor == nil else { throw CheckpointError(file: name, "a .npy file has one array; name no tensor") }
            let file = try NPYFile(content, name: name)
            return try state(file.elements, shape: file.shape, site: site, layers: layers, name: name)
        }
        let file = try SafetensorsFile(content: content, name: name)
        let chosen = try choose(tensor, in: file)
        let metadata = Dictionary(file.metadata.map { ($0.name, $0.text) }) { first, _ in first }
        func said(_ key: String) -> String? {
            metadata["\(chosen.name).\(key)"] ?? (file.tensors.count == 1 ? metadata[key] : nil)
        }
        return try state(
            try file.floats(of: chosen.name), shape: chosen.shape,
            site: try agreed(site, try said("site").map { try self.site($0, file: name) }, "site", file: name),
            layers: try agreed(
                layers, try said("layers").map { try self.layers($0, file: name) }, "layers", file: name),
            name: name)
    }

    /// The state's own file.
    package static func content(of state: StateTensor) throws(CheckpointError) -> [UInt8] {
        var metadata: [(name: String, text: String)] = []
        if let site = state.description.site { metadata.append(("site", site.rawValue)) }
        if let layers = state.description.layers {
            metadata.append(("layers", layers.map(String.init).joined(separator: ",")))
        }
        return try SafetensorsFile.content(
            of: tensorName, shape: state.description.shape, values: state.elements, metadata: metadata)
    }

    /// The state as `numpy.load` reads it, float32 `[layers, positions, width]`.
    package static func npy(of state: StateTensor) throws(CheckpointError) -> [UInt8] {
        try NPYFile(shape: state.description.shape, elements: state.elements).bytes
    }

    private static func choose(_ tensor: String?, in file: SafetensorsFile) throws -> TensorDescription {
        let wanted = tensor ?? (file.tensors.count == 1 ? file.tensors[0].name : tensorName)
        if let found = file.tensor(wanted) { return found }
        let names = file.tensors.map(\.name).joined(separator: ", ")
        throw CheckpointError(
            file: file.path,
            tensor == nil ? "has several tensors; name one of \(names)" : "has no tensor \(wanted); it has \(names)")
    }

    private static func site(_ text: String, file: String) throws -> Site {
        guard let site = Site(rawValue: text) else {
            let known = Site.allCases.map(\.rawValue).joined(separator: ", ")
            throw CheckpointError(
                file: file, subject: "__metadata__.site", "\"\(text)\" is no site; sites are \(known)")
        }
        return site
    }

    private static func layers(_ text: String, file: String) throws -> [Int] {
        let layers = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
        guard layers.allSatisfy({ $0 >= 0 }) else {
            throw CheckpointError(
                file: file, subject: "__metadata__.layers", "\"\(text)\" is no list of layers such as \"0,1,2\"")
        }
        return layers
    }

    private static func agreed<Value: Equatable>(_ given: Value?, _ said: Value?, _ key: String, file: String) throws
        -> Value?
    {
        guard let given, let said, given != said else { return given ?? said }
        throw CheckpointError(file: file, subject: "__metadata__.\(key)", "says otherwise than the request")
    }

    private static func state(_ elements: [Float], shape: [Int], site: Site?, layers: [Int]?, name: String) throws
        -> StateTensor
    {
        func refuse(_ problem: String) -> CheckpointError { CheckpointError(file: name, problem) }
        guard (1...3).contains(shape.count), shape.allSatisfy({ $0 > 0 }) else {
            throw refuse("has the shape \(shape); a state is [width], [positions, width] or [layers, positions, width]")
        }
        let full = Array(repeating: 1, count: 3 - shape.count) + shape
        if let layers {
            guard layers.count == full[0] else {
                throw refuse("has \(full[0]) layer(s) in its shape and \(layers.count) in \"layers\"")
            }
            guard zip(layers, layers.dropFirst()).allSatisfy({ $0 < $1 }) else {
                throw refuse("layers are ascending and named once each")
            }
        }
        // Several layers without numbers are the model's first.
        let numbered = layers ?? (full[0] == 1 ? nil : Array(0..<full[0]))
        guard elements.allSatisfy(\.isFinite) else { throw refuse("holds infinities or NaN") }
        return StateTensor(
            StateDescription(site: site, layers: numbered, layerCount: full[0], positions: full[1], width: full[2]),
            elements: elements)
    }
}
