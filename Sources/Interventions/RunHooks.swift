import Models
import Numerics

/// Does to a forward pass what the resolved interventions say, and keeps account for the receipt and the measurements.
///
/// One value serves one run: prefill and every decode step after it. It is used on the engine's
/// thread only, like the pass that it hooks into. At a site patches act first, then steers; what is recorded is what the
/// pass goes on with.
final class RunHooks: ForwardHooks {
    private var cuts: AttentionCuts
    private var patches: StatePatches
    private var steers: StateSteers
    private(set) var states: StateRecorder
    private(set) var attention: AttentionRecorder
    private var boundary: () throws -> Void

    /// - Parameters:
    ///   - states: what patches put in and steers add.
    ///   - recordings: prompt positions at some sites, to be kept.
    ///   - attention: prompt rows whose attention is to be summed up.
    ///   - boundary: called at every layer boundary; throwing abandons the run.
    init(
        _ interventions: ResolvedInterventions, states: RunStates, promptTokens: Int,
        configuration: DecoderConfiguration, recordings: [StateRecording] = [],
        attention: [ResolvedMeasurements.Attention] = [], boundary: @escaping () throws -> Void
    ) {
        cuts = AttentionCuts(interventions.knockouts, promptTokens: promptTokens, layers: configuration.layers)
        patches = StatePatches(interventions.patches, states: states.patches)
        steers = StateSteers(interventions.steers, directions: states.directions, promptTokens: promptTokens)
        self.states = StateRecorder(recordings)
        self.attention = AttentionRecorder(
            attention, promptTokens: promptTokens, heads: configuration.heads)
        self.boundary = boundary
    }

    /// Ends the pass over the prompt: who decodes on feels boundaries elsewhere.
    func endReading() { boundary = {} }

    /// Begins what is recorded with the states of a clean run, for a pass over a variant's cone alone.
    func begin(with clean: CleanRun) { states.begin(with: clean) }

    /// Takes states that no pass goes through into the receipt, because what is done to them leaves them as they are.
    ///
    /// - Parameter state: the positions' rows, `[positions, width]`.
    func account(for state: Matrix, at key: SiteKey, _ positions: [Int]) {
        for (row, position) in positions.enumerated() {
            var state = state.rows(row..<row + 1)
            patches.apply(at: key, positions: position..<position + 1, to: &state)
            steers.apply(at: key, positions: position..<position + 1, to: &state)
        }
    }

    func willEnter(layer: Int) throws { try boundary() }

    func wants(_ site: Site, layer: Int) -> Bool {
        let key = SiteKey(site: site, layer: layer)
        return patches.act(at: key) || steers.act(at: key) || states.wants(key)
    }

    func visit(_ site: Site, layer: Int, positions: Range<Int>, state: inout Matrix) {
        let key = SiteKey(site: site, layer: layer)
        patches.apply(at: key, positions: positions, to: &state)
        steers.apply(at: key, positions: positions, to: &state)
        states.record(key, positions: positions, state)
    }

    func wantsAttention(layer: Int) -> Bool { cuts.act(in: layer) || attention.wants(layer: layer) }

    func view(layer: Int, positions: Range<Int>) -> AttentionView {
        attention.wants(layer: layer, anyOf: positions) ? .all : cuts.view(layer: layer, positions: positions)
    }

    func scores(layer: Int, head: Int, positions: Range<Int>, _ scores: inout Matrix) {
        cuts.mask(layer: layer, head: head, positions: positions, &scores)
    }

    func weights(layer: Int, head: Int, positions: Range<Int>, _ weights: inout Matrix) {
        cutWeights(layer: layer, head: head, positions: positions, &weights)
        dropValues(layer: layer, head: head, positions: positions, &weights)
    }

    /// The first half of ``weights(layer:head:positions:_:)``, after which the weights are what they are called.
    func cutWeights(layer: Int, head: Int, positions: Range<Int>, _ weights: inout Matrix) {
        cuts.zero(layer: layer, head: head, positions: positions, &weights)
        attention.record(layer: layer, head: head, positions: positions, weights)
    }

    /// The second half: from here on a weight of 0 stands for a value vector of 0.
    func dropValues(layer: Int, head: Int, positions: Range<Int>, _ weights: inout Matrix) {
        cuts.dropValues(layer: layer, head: head, positions: positions, &weights)
    }

    /// The receipt so far, without its effect.
    var receipt: Receipt {
        Receipt(cuts: cuts.receipt, moves: patches.receipt, shifts: steers.receipt, effect: nil)
    }
}
