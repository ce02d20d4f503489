import Checkpoints
package import Interventions
import Models
package import Store
package import StrictJSON

extension StateDescription {
    /// What a stored state's row says of it.
    init(_ record: StateRecord) { self.init(site: record.site, layers: record.layers, shape: record.shape) }

    init(site: String?, layers: [Int]?, shape: StateShape) {
        self.init(
            site: site.flatMap { Site(rawValue: $0) }, layers: layers, layerCount: shape.layers,
            positions: shape.positions, width: shape.width)
    }
}

extension NewState {
    /// A state to store, as its own file.
    ///
    /// - Parameters:
    ///   - model: whose state it is, where that is known.
    ///   - origin: how it was made.
    package init(_ state: StateTensor, name: String? = nil, model: String? = nil, origin: JSONValue) throws {
        let description = state.description
        try self.init(
            content: try StateFile.content(of: state), name: name, model: model, site: description.site?.rawValue,
            layers: description.layers,
            shape: StateShape(
                layers: description.layerCount, positions: description.positions, width: description.width),
            origin: origin.text)
    }
}

extension Store {
    /// A stored state with its numbers, or `nil` where there is none of that digest.
    ///
    /// - throws: `StoreError.stateFile` where its file is gone, `CheckpointError` where it is not what was put there.
    package func stateTensor(_ digest: String) async throws -> (record: StateRecord, state: StateTensor)? {
        guard let record = try await state(digest), let content = try await stateContent(digest) else { return nil }
        let state = try StateFile.read(try content.bytes(), name: digest)
        guard state.description.shape == record.shape.list else {
            throw CheckpointError(
                file: digest, "has the shape \(state.description.shape) and not \(record.shape.list) as its row says")
        }
        return (record, state)
    }
}
