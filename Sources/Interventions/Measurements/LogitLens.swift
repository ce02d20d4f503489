package import Models
import Numerics

/// Reads states as tokens: through the final norm and the head, as if they were the last layer's output.
package struct LogitLens {
    private let model: VisionLanguageModel
    private let boundary: () throws -> Void

    /// States read at once; bounds the logits to as many rows.
    private static let tile = 16

    /// - Parameter boundary: called every so often; throwing abandons the work.
    package init(_ model: VisionLanguageModel, boundary: @escaping () throws -> Void = {}) {
        self.model = model
        self.boundary = boundary
    }

    /// The likeliest tokens of each layer and position of a stored state.
    ///
    /// - Parameters:
    ///   - name: what the request calls the state.
    ///   - path: the field that names it.
    /// - throws: ``InterventionError`` where the state is not as wide as the stream, or would give too many numbers.
    package func read(_ state: StateTensor, top: Int, name: String, path: String = "") throws
        -> [MeasuredLogitLens.Row]
    {
        let shape = state.description
        let width = model.decoder.configuration.hidden
        guard shape.width == width, shape.site != .headOut else {
            let what = shape.site == .headOut ? "was taken at head_out" : "is \(shape.width) wide"
            throw InterventionError(
                .stateMismatch, at: path,
                "\(name) \(what); the head of \(model.name) reads states of the stream's width, \(width)")
        }
        let numbers = shape.layerCount * shape.positions * top
        guard numbers <= ResolvedMeasurements.maximumNumbers else {
            throw InterventionError(
                .tooManyValues, at: path,
                "\(shape.layerCount) layers and \(shape.positions) positions with \(top) tokens each are \(numbers) numbers; at most \(ResolvedMeasurements.maximumNumbers)"
            )
        }
        let layers: [Int?] = shape.layers ?? (shape.layerCount == 1 ? [nil] : Array(0..<shape.layerCount))
        return try layers.enumerated().flatMap { index, layer in
            try read(state.slice(index), layer: layer, positions: Array(0..<shape.positions), top: top)
        }
    }

    /// The likeliest tokens of the states of one layer, `[positions, hidden]`.
    func read(_ states: Matrix, layer: Int?, positions: [Int], top: Int) throws -> [MeasuredLogitLens.Row] {
        var rows: [MeasuredLogitLens.Row] = []
        for first in stride(from: 0, to: states.rows, by: Self.tile) {
            try boundary()
            let range = first..<min(first + Self.tile, states.rows)
            let logits = model.decoder.logits(model.decoder.finalNormalized(states.rows(range)))
            for row in 0..<logits.rows {
                let distribution = NextTokenDistribution(logits: Array(logits.row(row)))
                let tokens = distribution.top(top).map {
                    MeasuredLogitLens.Token(id: $0.id, text: model.text(of: [$0.id]), probability: $0.probability)
                }
                rows.append(MeasuredLogitLens.Row(layer: layer, position: positions[first + row], top: tokens))
            }
        }
        return rows
    }
}
