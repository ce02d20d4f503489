import Models
import Numerics

/// Writes down what a prompt's pass goes through while other hooks act on it.
///
/// The acting hooks come first at every place, so what is written is what the pass goes on with. Only the pass
/// over the prompt is recorded, and it must be one pass from position 0.
///
/// Half of the hook points cannot throw; what `record` throws there is kept, and thrown at the next layer boundary or by
/// ``finish(logits:)``.
final class RecordingHooks: ForwardHooks {
    private let acting: RunHooks
    private let configuration: DecoderConfiguration
    private let tokens: Int
    private let tensors: Set<TraceTensor>
    /// Takes values of a tensor from an element on, row-major.
    private let record: (TraceTensor, Int, [Float]) throws -> Void
    private var failure: (any Error)?

    init(
        acting: RunHooks, configuration: DecoderConfiguration, tokens: Int, tensors: Set<TraceTensor>,
        record: @escaping (TraceTensor, Int, [Float]) throws -> Void
    ) {
        self.acting = acting
        self.configuration = configuration
        self.tokens = tokens
        self.tensors = tensors
        self.record = record
    }

    func willEnter(layer: Int) throws {
        try acting.willEnter(layer: layer)
        if let failure { throw failure }
    }

    /// The tensor that a site's state belongs to, and its place in the tensor's first dimension.
    private func place(of site: Site, layer: Int) -> (tensor: TraceTensor, index: Int)? {
        switch site {
        case .residIn: (.residualStream, layer)
        // The last layer's output; every other one is the next layer's input, after patches there.
        case .residOut where layer == configuration.layers - 1: (.residualStream, layer + 1)
        case .attnOut: (.attentionOutput, layer)
        case .mlpOut: (.feedForwardOutput, layer)
        default: nil
        }
    }

    private func isRecorded(_ site: Site, layer: Int) -> Bool {
        place(of: site, layer: layer).map { tensors.contains($0.tensor) } ?? false
    }

    func wants(_ site: Site, layer: Int) -> Bool {
        acting.wants(site, layer: layer) || isRecorded(site, layer: layer)
    }

    func visit(_ site: Site, layer: Int, positions: Range<Int>, state: inout Matrix) throws {
        acting.visit(site, layer: layer, positions: positions, state: &state)
        guard let place = place(of: site, layer: layer), tensors.contains(place.tensor) else { return }
        try record(place.tensor, place.index * tokens * configuration.hidden, state.elements)
    }

    func wantsAttention(layer: Int) -> Bool { acting.wantsAttention(layer: layer) || tensors.contains(.attention) }

    func scores(layer: Int, head: Int, positions: Range<Int>, _ scores: inout Matrix) {
        acting.scores(layer: layer, head: head, positions: positions, &scores)
    }

    func weights(layer: Int, head: Int, positions: Range<Int>, _ weights: inout Matrix) {
        acting.cutWeights(layer: layer, head: head, positions: positions, &weights)
        keep(.attention, at: (layer * configuration.heads + head) * tokens * tokens, weights)
        acting.dropValues(layer: layer, head: head, positions: positions, &weights)
    }

    func finalNorm(positions: Range<Int>, state: Matrix) {
        acting.finalNorm(positions: positions, state: state)
        keep(.finalNorm, at: 0, state)
    }

    private func keep(_ tensor: TraceTensor, at start: Int, _ values: Matrix) {
        guard failure == nil, tensors.contains(tensor) else { return }
        do { try record(tensor, start, values.elements) } catch { failure = error }
    }

    /// Ends the recording with what follows the pass.
    ///
    /// - Parameter logits: computes the logits of all positions, `[tokens, vocabulary]`; asked for only if they are recorded.
    /// - throws: what went wrong where nothing could be thrown.
    func finish(logits: () -> Matrix) throws {
        if tensors.contains(.logits) { keep(.logits, at: 0, logits()) }
        if let failure { throw failure }
    }
}
