import Numerics

/// Sums attention up head by head, as it is computed; no matrix of queries and keys is kept.
struct AttentionRecorder {
    private let specifications: [ResolvedMeasurements.Attention]
    private let promptTokens: Int
    private let heads: Int
    /// For each specification: the key sums that each key counts in.
    private let groups: [[[Int]]]
    /// For each specification, `[layers, heads or 1, queries or 1, keys]`.
    private var sums: [[Double]]

    init(_ specifications: [ResolvedMeasurements.Attention], promptTokens: Int, heads: Int) {
        self.specifications = specifications
        self.promptTokens = promptTokens
        self.heads = heads
        groups = specifications.map { specification in
            var groups = [[Int]](repeating: [], count: promptTokens)
            for (group, keys) in specification.keys.enumerated() {
                for key in keys { groups[key].append(group) }
            }
            return groups
        }
        sums = specifications.map { [Double](repeating: 0, count: Self.count(of: $0)) }
    }

    private static func count(of specification: ResolvedMeasurements.Attention) -> Int {
        specification.layers.count * specification.rowsInLayer * specification.keys.count
    }

    func wants(layer: Int) -> Bool { specifications.contains { $0.layers.contains(layer) } }

    /// Whether attention of these rows is summed up in a layer.
    func wants(layer: Int, anyOf positions: Range<Int>) -> Bool {
        specifications.contains { $0.layers.contains(layer) && $0.queries.contains(where: positions.contains) }
    }

    mutating func record(layer: Int, head: Int, positions: Range<Int>, _ weights: Matrix) {
        guard positions.lowerBound < promptTokens else { return }
        for (index, specification) in specifications.enumerated() {
            guard let layerAt = specification.layers.firstIndex(of: layer) else { continue }
            var headAt = 0
            if let heads = specification.heads {
                guard let at = heads.firstIndex(of: head) else { continue }
                headAt = at
            }
            let share = 1 / Double(specification.meanOver(heads: heads))
            for (queryAt, query) in specification.queries.enumerated() where positions.contains(query) {
                let row = (layerAt * specification.rowsInLayer) + headAt * specification.queryRows
                let start = (row + (specification.overQueries == .mean ? 0 : queryAt)) * specification.keys.count
                let weights = weights.row(query - positions.lowerBound)
                // A query sees keys up to its own position.
                for (key, weight) in zip(0...query, weights) {
                    for group in groups[index][key] { sums[index][start + group] += Double(weight) * share }
                }
            }
        }
    }

    /// What was recorded, a specification each.
    var measured: [MeasuredAttention] {
        zip(specifications, sums).map { MeasuredAttention($0, sums: $1) }
    }
}

extension ResolvedMeasurements.Attention {
    /// Rows of a head.
    var queryRows: Int { overQueries == .mean ? 1 : queries.count }
    /// Rows of a layer.
    var rowsInLayer: Int { (heads?.count ?? 1) * queryRows }

    /// How many weights a number is the mean of.
    func meanOver(heads count: Int) -> Int {
        (heads == nil ? count : 1) * (overQueries == .mean ? queries.count : 1)
    }
}
