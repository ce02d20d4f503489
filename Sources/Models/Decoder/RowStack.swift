import Numerics

/// The rows of all sequences that are under way in a pass, one below the other.
struct RowStack {
    /// `[rows, hidden]`.
    var states: Matrix
    /// Each sequence's rows in the stack; empty for one that has not joined yet.
    private(set) var extents: [Range<Int>]
    /// How these rows are multiplied.
    private(set) var products: LinearProducts

    init(sequences: Int, hidden: Int, products: ProductRows) {
        self.products = LinearProducts(products)
        states = Matrix(rows: 0, columns: hidden)
        extents = Array(repeating: 0..<0, count: sequences)
    }

    /// Takes in the rows that join on entering `layer`.
    mutating func join(_ sequences: [SequenceRows], layer: Int) {
        guard sequences.contains(where: { ($0.entries[layer]?.rows ?? 0) > 0 }) else { return }
        var elements: [Float] = []
        var start = 0
        for (index, sequence) in sequences.enumerated() {
            let underWay = extents[index]
            let entering = sequence.entries[layer]
            if let entering { elements += entering.elements }
            elements += states.elements[underWay.lowerBound * states.columns..<underWay.upperBound * states.columns]
            let end = start + (entering?.rows ?? 0) + underWay.count
            extents[index] = start..<end
            start = end
        }
        states = Matrix(rows: start, columns: states.columns, elements: elements)
        products = products.of(extents)
    }

    /// Goes on with the last row alone of the sequences that say so.
    ///
    /// - Parameter input: another matrix with the stack's rows, from which the same ones are taken.
    mutating func keepLastRows(of sequences: [Bool], and input: inout Matrix) {
        guard zip(extents, sequences).contains(where: { $1 && $0.count > 1 }) else { return }
        let kept = zip(extents, sequences).map { $1 ? $0.suffix(1) : $0 }
        states = states.rows(kept)
        input = input.rows(kept)
        var start = 0
        extents = kept.map { rows in
            defer { start += rows.count }
            return start..<start + rows.count
        }
        products = products.of(extents)
    }
}

extension Matrix {
    /// Rows of several ranges, one below the other.
    fileprivate func rows(_ ranges: [Range<Int>]) -> Matrix {
        Matrix(
            rows: ranges.reduce(0) { $0 + $1.count }, columns: columns,
            elements: ranges.flatMap { elements[$0.lowerBound * columns..<$0.upperBound * columns] })
    }
}
