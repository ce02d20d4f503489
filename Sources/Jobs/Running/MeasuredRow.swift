import Interventions
import Models
import Store
import StrictJSON

/// What was measured in a run beside its output, as its row has it, with the states that are stored with the row.
struct MeasuredRow: Sendable {
    /// `captures`, `attention` and `logit_lens`; `null` where nothing was asked for.
    let members: JSONObject
    let states: [NewState]

    /// - Parameters:
    ///   - asked: decides which members are `null`.
    ///   - cell: the row's id, which is the states' origin.
    ///   - model: whose states they are.
    init(_ measured: MeasuredStates, asked: Measurements, cell: String, model: String) throws {
        var states: [NewState] = []
        var captures: [JSONValue] = []
        for (index, capture) in measured.captures.enumerated() {
            let origin = JSONObject([
                ("made", "capture"), ("cell", .string(cell)), ("capture", .integer(index)),
            ])
            let state = try NewState(capture.state, model: model, origin: .object(origin))
            captures.append(capture.json(state: state.digest))
            states.append(state)
        }
        self.states = states
        members = JSONObject([
            ("captures", asked.captures.isEmpty ? .null : .array(captures)),
            ("attention", asked.attention.isEmpty ? .null : .array(measured.attention.map(\.json))),
            ("logit_lens", asked.logitLens.isEmpty ? .null : .array(measured.logitLens.map(\.json))),
        ])
    }
}

extension GroupRun {
    /// What was measured in the run of a place.
    func measured(_ outcome: RunOutcome, at place: Int) throws -> MeasuredRow {
        try MeasuredRow(
            outcome.measurements, asked: plan.beside, cell: "\(job)/\(ordinal(place))", model: plan.model.name)
    }
}

extension JSONObject {
    /// Adds the members of another object, or puts them in the place of those that are there.
    mutating func merge(_ other: JSONObject) {
        for (name, value) in other.members { self[name] = value }
    }
}
