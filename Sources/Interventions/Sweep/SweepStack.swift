import Models
import Numerics

/// Some variants on their way through the decoder together: their cones, then their continuations.
struct SweepStack {
    private let members: [Member]
    private let run: ModelRun
    private var decoder: Decoder { run.model.decoder }

    init(_ members: [Member], run: ModelRun) {
        self.members = members
        self.run = run
    }

    /// One outcome a member, those of continuations decoded together.
    func outcomes(generation options: GenerationOptions?) throws -> [RunOutcome] {
        let readings = try readings()
        guard let options else { return readings.map(\.outcome) }
        let sequences = readings.map { DecodingSequence(after: $0, options, on: run.model) }
        try run.finish(sequences)
        return sequences.map(\.outcome)
    }

    /// The members' prompts, read together.
    func readings() throws -> [PromptReading] {
        let hooks = members.map { member in
            let hooks = RunHooks(
                member.variant.interventions, states: member.variant.sourceStates, promptTokens: member.cone.tokens,
                configuration: decoder.configuration, recordings: member.variant.measurements.recordings,
                attention: member.variant.measurements.attention, boundary: {})
            hooks.begin(with: member.clean)
            member.accountForIdleStates(in: hooks)
            return hooks
        }
        var sequences = zip(members, hooks).map(prompt)
        // The boundary is felt once a layer, however many members there are.
        let tokenLayers = members.reduce(0) { $0 + $1.cone.tokenLayers }
        let nextTokens = try run.timed(.pass(rows: tokenLayers / decoder.configuration.layers)) {
            distributions(after: try decoder.forward(&sequences, reading: .last, boundary: run.boundary))
        }
        let measured = try zip(members, hooks).map(measured)
        return members.indices.map { index in
            PromptReading(
                outcome: RunOutcome(
                    nextToken: nextTokens[index], generation: nil, receipt: hooks[index].receipt,
                    measurements: measured[index], rowsComputed: members[index].cone.rows),
                hooks: hooks[index], cache: sequences[index].cache)
        }
    }

    /// What was measured in a member's run. States that it cannot change are the clean run's: they have the same bits, and
    /// the same name, whoever takes them. The attention of a clean run takes a pass of its own.
    private func measured(_ member: Member, by hooks: RunHooks) throws -> MeasuredStates {
        let asked = member.variant.measurements
        var measured = try run.measured(asked, by: hooks)
        if !member.changesPrompt, !asked.attention.isEmpty {
            let attention = ResolvedMeasurements(attention: asked.attention)
            measured.attention = try run.run(member.variant.prompt, measuring: attention).measurements.attention
        }
        return measured
    }

    /// The member's rows of the prompt's pass, joining where its cone widens.
    private func prompt(_ member: Member, _ hooks: RunHooks) -> SequenceRows {
        var entries: [Int: Matrix] = [:]
        for layer in 0..<decoder.configuration.layers {
            let positions = member.cone.joining(layer)
            if !positions.isEmpty { entries[layer] = member.clean.states(entering: layer, positions) }
        }
        return SequenceRows(
            joining: entries, end: member.cone.tokens,
            after: KVCache(sharing: member.clean.cache, first: member.cone.first), hooks: hooks)
    }

    /// After the last position of each member; the clean run's own where the prompt is left as it was.
    private func distributions(after states: [Matrix]) -> [NextTokenDistribution] {
        let changed = zip(members, states).filter { $0.0.changesPrompt && $0.1.rows > 0 }
        var computed = run.distributions(of: changed.map { $1.rows($1.rows - 1..<$1.rows) }).makeIterator()
        return zip(members, states).map { member, states in
            (member.changesPrompt && states.rows > 0 ? computed.next() : nil) ?? member.clean.nextToken
        }
    }
}
