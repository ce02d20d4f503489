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

    /// One outcome a member.
    func outcomes(generation options: GenerationOptions?) throws -> [RunOutcome] {
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
        let states = try forward(&sequences)
        let nextTokens = distributions(after: states)
        let measured = try zip(members, hooks).map(measured)
        var continuations: [Continuation] = []
        if let options {
            continuations = members.map { _ in Continuation(options, on: run.model) }
            try generate(&continuations, after: nextTokens, caches: sequences.map(\.cache), hooks)
        }
        return members.indices.map { index in
            RunOutcome(
                nextToken: nextTokens[index], generation: options == nil ? nil : continuations[index].generation,
                receipt: hooks[index].receipt, measurements: measured[index],
                rowsComputed: members[index].cone.rows + (options == nil ? 0 : continuations[index].tokens.count))
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

    /// One pass; the boundary is felt once a layer, however many members there are.
    private func forward(_ sequences: inout [SequenceRows]) throws -> [Matrix] {
        try decoder.forward(&sequences, reading: .last, boundary: run.boundary)
    }

    /// After the last position of each member; the clean run's own where the prompt is left as it was.
    private func distributions(after states: [Matrix]) -> [NextTokenDistribution] {
        let changed = zip(members, states).filter { $0.0.changesPrompt && $0.1.rows > 0 }
        var computed = run.distributions(of: changed.map { $1.rows($1.rows - 1..<$1.rows) }).makeIterator()
        return zip(members, states).map { member, states in
            (member.changesPrompt && states.rows > 0 ? computed.next() : nil) ?? member.clean.nextToken
        }
    }

    /// Decodes all members together; those that have ended leave.
    private func generate(
        _ continuations: inout [Continuation], after first: [NextTokenDistribution], caches: [KVCache],
        _ hooks: [RunHooks]
    ) throws {
        var caches = caches
        var distributions = first
        var live = Array(members.indices)
        let none = KVCache(configuration: decoder.configuration)
        while true {
            var sequences: [SequenceRows] = []
            live = live.filter { index in
                guard !continuations[index].hasEnded,
                    let token = continuations[index].append(
                        after: distributions[index], length: caches[index].count),
                    !continuations[index].hasEnded
                else { return false }
                sequences.append(
                    SequenceRows(decoder.embed([token.token.id]), after: caches[index], hooks: hooks[index]))
                // The sequence holds the only reference now, so that its cache grows in place.
                caches[index] = none
                return true
            }
            guard !live.isEmpty else { return }
            let states = try forward(&sequences)
            for (index, distribution) in zip(live, run.distributions(of: states)) {
                distributions[index] = distribution
            }
            while let sequence = sequences.popLast() { caches[live[sequences.count]] = sequence.cache }
        }
    }
}
