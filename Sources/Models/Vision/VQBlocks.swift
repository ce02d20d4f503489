import Numerics

/// `x + conv(swish(norm(conv(swish(norm(x))))))`, with a 1×1 convolution of `x` where channels change.
struct ResidualBlock: Sendable {
    let norm1: GroupNorm
    let convolution1: Convolution
    let norm2: GroupNorm
    let convolution2: Convolution
    let shortcut: Convolution?

    func apply(to map: inout FeatureMap, _ boundary: (() throws -> Void)?) throws {
        try boundary?()
        let inner = convolution1(map, normalizing: norm1.affine(for: map))
        try boundary?()
        if let shortcut { map = shortcut(map) }
        convolution2.add(inner, normalizing: norm2.affine(for: inner), to: &map)
    }
}

/// `x + proj(attention(norm(x)))`: one head over all pixels.
struct AttentionBlock: Sendable {
    let norm: GroupNorm
    let query: Convolution
    let key: Convolution
    let value: Convolution
    let output: Convolution

    /// Rows of scores held at once hold about this many elements (16 MB).
    private static let scoreElements = 4 << 20

    func apply(to map: inout FeatureMap, _ boundary: (() throws -> Void)?) throws {
        try boundary?()
        let normed = norm.affine(for: map).applied(to: map)
        let (queries, keys, values) = (query(normed).states, key(normed).states, value(normed).states)
        let pixels = map.states.rows
        let shape = AttentionProduct(heads: 1, kvHeads: 1, headSize: map.channels)
        let tile = max(1, min(pixels, Self.scoreElements / pixels))
        let segment = AttentionProduct.Segment(
            keys: KeyValueRows(keys.elements), values: KeyValueRows(values.elements), count: pixels)
        var mixed = Matrix(rows: pixels, columns: map.channels)
        for first in stride(from: 0, to: pixels, by: tile) {
            let range = first..<min(first + tile, pixels)
            let sequence = AttentionProduct.Sequence(rows: range, firstVisible: pixels, segments: [segment])
            var attention = [Matrix(rows: range.count, columns: pixels)]
            shape.scores(heads: 0..<1, queries: queries, sequence, masked: false, into: &attention)
            shape.softmax(heads: 0..<1, sequence, &attention)
            shape.mix(heads: 0..<1, weights: &attention, sequence, into: &mixed)
        }
        output.add(FeatureMap(height: map.height, width: map.width, states: mixed), to: &map)
    }
}

/// The vectors that latents are replaced by.
struct Codebook: Sendable {
    /// `[codes, width]`.
    let entries: Matrix
    /// |e|² of each entry.
    private let squares: [Float]

    /// Latents compared at once; bounds the distances to 256 rows of them.
    private static let tile = 256

    init(_ entries: Matrix) {
        self.entries = entries
        squares = (0..<entries.rows).map { row in entries.row(row).reduce(0) { $0 + $1 * $1 } }
    }

    /// For each row of `latents`, `[rows, width]`, the index of the entry with the least |z|² + |e|² − 2 z·e: the
    /// reference's expression, in its order of operations, so that near ties fall alike. The first of equals wins.
    func nearest(_ latents: Matrix) -> [Int] {
        var indices: [Int] = []
        indices.reserveCapacity(latents.rows)
        for first in stride(from: 0, to: latents.rows, by: Self.tile) {
            let part = latents.rows(first..<min(first + Self.tile, latents.rows))
            let products = part.multiplied(byTransposed: entries)
            for row in 0..<part.rows {
                let square = part.row(row).reduce(Float(0)) { $0 + $1 * $1 }
                var best = 0
                var least = Float.infinity
                for code in 0..<entries.rows {
                    let distance = square + squares[code] - 2 * products.elements[row * entries.rows + code]
                    if distance < least {
                        least = distance
                        best = code
                    }
                }
                indices.append(best)
            }
        }
        return indices
    }
}
