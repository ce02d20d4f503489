/// A resolved knockout laid out for the inner loop: membership tests by table.
struct ActiveCut {
    let knockout: ResolvedKnockout
    var mode: KnockoutMode { knockout.mode }
    private let isQuery: [Bool]
    private let inLayer: [Bool]
    private let heads: Set<Int>
    private let promptTokens: Int
    let coversAllHeads: Bool

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
    var tally: Tally { prompt.edges > 0 ? prompt : generated }

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
