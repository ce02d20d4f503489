import Models
import Numerics

/// Small decoders with reproducible random weights.
struct RandomDecoder {
    let configuration: DecoderConfiguration
    let weights: DecoderWeights
    private static let masked = [3, 4]

    init(
        kvHeads: Int = 2, headSize: Int = 6, qkNorm: Bool = true,
        normPlacement: DecoderConfiguration.NormPlacement = .input,
        format: NumberFormat = .float32
    ) {
        configuration = DecoderConfiguration(
            hidden: 24, intermediate: 40, layers: 3, heads: 4, kvHeads: kvHeads, headSize: headSize, vocabulary: 31,
            rmsEpsilon: 1e-5, ropeBase: 10_000, maximumPositions: 64, qkNorm: qkNorm, normPlacement: normPlacement)
        var random = RandomFloats(format: format)
        let shape = configuration
        func norm(_ heads: Int) -> DecoderWeights.HeadNorm? {
            guard qkNorm else { return nil }
            return .init(
                weight: random.list(heads * shape.headSize, 0.3, around: 1),
                bias: random.list(heads * shape.headSize, 0.1))
        }
        let layers = (0..<shape.layers).map { _ in
            DecoderWeights.Layer(
                attentionNorm: random.list(shape.hidden, 0.2, around: 1),
                feedForwardNorm: random.list(shape.hidden, 0.2, around: 1),
                query: random.weight(shape.queryWidth, shape.hidden), key: random.weight(shape.kvWidth, shape.hidden),
                value: random.weight(shape.kvWidth, shape.hidden),
                output: random.weight(shape.hidden, shape.queryWidth),
                queryNorm: norm(shape.heads), keyNorm: norm(shape.kvHeads),
                gate: random.weight(shape.intermediate, shape.hidden),
                up: random.weight(shape.intermediate, shape.hidden),
                down: random.weight(shape.hidden, shape.intermediate))
        }
        weights = DecoderWeights(
            embedding: random.weight(shape.vocabulary, shape.hidden, 1), layers: layers,
            finalNorm: random.list(shape.hidden, 0.2, around: 1), head: random.weight(shape.vocabulary, shape.hidden, 1)
        )
    }

    var decoder: Decoder { Decoder(configuration: configuration, weights: weights, maskedTokenIDs: Self.masked) }
}

/// Reproducible numbers, evenly spread around a centre.
struct RandomFloats {
    private let format: NumberFormat
    private var state: UInt64 = 0x2545_F491_4F6C_DD1D

    /// - Parameter format: of linear weights.
    init(format: NumberFormat = .float32) { self.format = format }

    mutating func next() -> Float {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Float(state >> 40) / Float(1 << 23) - 1
    }

    mutating func list(_ count: Int, _ width: Float, around centre: Float = 0) -> [Float] {
        (0..<count).map { _ in next() * width + centre }
    }

    mutating func weight(_ rows: Int, _ columns: Int, _ width: Float? = nil) -> LinearWeight {
        let matrix = matrix(rows, columns, width)
        return format == .float32 ? .float32(matrix) : .bfloat16(BFloat16Matrix(rounding: matrix))
    }

    mutating func matrix(_ rows: Int, _ columns: Int, _ width: Float? = nil) -> Matrix {
        let width = width ?? 2 / Float(columns).squareRoot()
        return Matrix(rows: rows, columns: columns, elements: list(rows * columns, width))
    }
}
