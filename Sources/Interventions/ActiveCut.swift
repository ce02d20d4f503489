import Numerics

/// A resolved knockout laid out for the inner loop: membership tests by table.
struct ActiveCut {
    let knockout: ResolvedKnockout
    var mode: KnockoutMode { knockout.mode }
    private let isQuery: [Bool]
    private let inLayer: [Bool]
    private let heads: Set<Int>
    private let promptTokens: Int
    let coversAllHeads: Bool
    /// What a generated query goes without, where that is plainly said: keys of the prompt, in every head.
    let plainCuts: [AttentionProduct.Cut]?

    init(_ knockout: ResolvedKnockout, promptTokens: Int, layers: Int) {
        self.knockout = knockout
        self.promptTokens = promptTokens
        var isQuery = [Bool](repeating: false, count: promptTokens)
        for query in knockout.queries.prompt { isQuery[query] = true }
        self.isQuery = isQuery
        var inLayer = [Bool](repeating: false, count: layers)
        for layer in knockout.layers { inLayer[layer] = true }
        self.inLayer = inLayer
        heads = Set(knockout.heads)
        coversAllHeads = knockout.coversAllHeads
        let isPlain = knockout.coversAllHeads && !knockout.keys.generated
        plainCuts =
            isPlain
            ? knockout.keys.prompt.consecutiveRanges.map { .init(positions: $0, isMasked: knockout.mode == .mask) }
            : nil
    }

    /// Whether one of these positions is a query of it.
    func cuts(anyOf positions: Range<Int>) -> Bool {
        if positions.upperBound > promptTokens, knockout.queries.generated { return true }
        return isQuery[positions.clamped(to: 0..<promptTokens)].contains(true)
    }

    func acts(in layer: Int) -> Bool { inLayer[layer] }

    func acts(in layer: Int, head: Int) -> Bool { inLayer[layer] && heads.contains(head) }

    /// Visits the rows that this knockout cuts: row, its position, and the keys it loses (ascending, causal, never empty).
    func forEachRow(of positions: Range<Int>, keys count: Int, _ body: (Int, Int, [Int]) -> Void) {
        for (row, position) in positions.enumerated() {
            let isCut = position < promptTokens ? isQuery[position] : knockout.queries.generated
            guard isCut else { continue }
            var keys = knockout.keys.prompt
            if let beyond = keys.firstIndex(where: { $0 > position }) { keys.removeSubrange(beyond...) }
            if knockout.keys.generated, position >= promptTokens { keys += Array(promptTokens...position) }
            if !keys.isEmpty { body(row, position, keys) }
        }
    }
}

/// Edges cut by one knockout and the attention they carried: over the prompt, and over generated positions.
struct CutAccount {
    struct Tally {
        var edges = 0
        var rows = 0
        var mass = 0.0
        var maximum = 0.0
    }

    private var prompt = Tally()
    private var generated = Tally()
    var queriesWithoutKeys = 0

    /// What the receipt reports: the prompt's pass, or the generated steps where the prompt's pass cut nothing.
    var tally: Tally { isOfPrompt ? prompt : generated }

    /// Whether generated steps can change nothing of the tally any more.
    var isOfPrompt: Bool { prompt.edges > 0 }

    mutating func add(edges: Int, mass: Double, whileReadingPrompt: Bool) {
        func adding(to tally: inout Tally) {
            tally.edges += edges
            tally.rows += 1
            tally.mass += mass
            tally.maximum = max(tally.maximum, mass)
        }
        if whileReadingPrompt { adding(to: &prompt) } else { adding(to: &generated) }
    }
}

extension [Int] {
    /// Ascending numbers as ranges of consecutive ones.
    fileprivate var consecutiveRanges: [Range<Int>] {
        reduce(into: []) { ranges, number in
            if let last = ranges.last, last.upperBound == number {
                ranges[ranges.endIndex - 1] = last.lowerBound..<number + 1
            } else {
                ranges.append(number..<number + 1)
            }
        }
    }
}
