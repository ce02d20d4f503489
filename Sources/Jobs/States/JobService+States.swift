import Checkpoints
import Interventions
import Models
package import Store
package import StrictJSON

extension JobService {
    /// Makes a state, of runs or of other states, and stores it.
    ///
    /// Runs are made in the engine's interactive lane, one body a picture.
    ///
    /// - throws: what is wrong with which field: ``UnknownModel``, ``UnknownImage``, ``InterventionError``, …
    ///
    /// - Parameter key: who asks, where there are keys; it sees its own states and pictures only.
    package func makeState(_ request: StateRequest, key: KeyRecord? = nil) async throws -> StateRecord {
        let state =
            switch request.making {
            case .capture(let capture): try await captured(capture, key: key)
            case .mean(let states): try await combined(states, "mean", for: key, of: { $0.mean })
            case .sum(let states): try await combined(states, "sum", for: key, of: { $0.sum })
            case .difference(let first, let second):
                try await combined([first, second], "difference", for: key, weights: [1, -1], of: { $0.sum })
            }
        return try await store.insert(state.named(request.name), key: key)
    }

    private func combined(
        _ digests: [String], _ way: String, for key: KeyRecord?, weights: [Double]? = nil,
        of result: (StateSum) -> StateTensor?
    ) async throws -> NewState {
        var sum = StateSum()
        var models: Set<String?> = []
        for (index, digest) in digests.enumerated() {
            let path = "\(way)[\(index)]"
            let isVisible = if let scope = key?.scope { try await store.holds(scope, .state(digest)) } else { true }
            guard isVisible, let (record, state) = try await store.stateTensor(digest) else {
                throw InterventionError.unknownState(digest, at: path)
            }
            try sum.add(state, weight: weights?[index] ?? 1, path: path)
            models.insert(record.model)
        }
        guard let state = result(sum) else {
            throw InterventionError(.stateMismatch, at: way, "the list is empty; name at least one state")
        }
        guard state.elements.allSatisfy(\.isFinite) else {
            throw InterventionError(.stateMismatch, at: way, "the result is beyond float32")
        }
        let origin = JSONObject([("made", .string(way)), ("states", .array(digests.map { .string($0) }))])
        return try NewState(state, model: models.count == 1 ? models.first ?? nil : nil, origin: .object(origin))
    }

    /// The likeliest tokens of each layer and position of a stored state, through a model's final norm and head.
    ///
    /// - Parameter model: `nil` is the state's own, or else the default one.
    /// - Returns: the answer of `GET /v1/states/{id}/logit_lens`.
    package func logitLens(of digest: String, on model: String?, top: Int) async throws -> JSONValue {
        guard let (record, state) = try await store.stateTensor(digest) else { throw StoreError.unknownState(digest) }
        let model = try await models.model(model ?? record.model ?? models.defaultName ?? "")
        let rows = try await engine.run(.interactive) { boundary in
            try LogitLens(model, boundary: { try boundary.pass() }).read(state, top: top, name: digest)
        }
        return [
            "object": "logit_lens", "state": .string(digest), "model": .string(model.name),
            "site": .optional(record.site), "rows": .array(rows.map(\.json)),
        ]
    }
}

extension NewState {
    func named(_ name: String?) -> NewState {
        var state = self
        state.name = name
        return state
    }
}
