import Numerics
import Testing

@Suite("Matrix products") struct MatrixProductTests {
    @Test("a product with a transposed weight is the plain sum of products, at any number of rows")
    func transposed() {
        for (rows, inner, outputs) in [(1, 5, 3), (4, 64, 64), (17, 333, 65)] {
            let left = Numbers.matrix(rows, inner, seed: 1)
            let weight = Numbers.matrix(outputs, inner, seed: 2)
            let product = left.multiplied(byTransposed: weight)
            for row in 0..<rows {
                for output in 0..<outputs {
                    let expected = zip(left.row(row), weight.row(output)).reduce(0.0) { $0 + Double($1.0 * $1.1) }
                    #expect(abs(Double(product[row, output]) - expected) < 1e-4)
                }
            }
        }
    }

    @Test("a plain product agrees with the product by the transpose")
    func plain() {
        let left = Numbers.matrix(7, 12, seed: 3)
        let right = Numbers.matrix(12, 5, seed: 4)
        var transposed = Matrix(rows: 5, columns: 12)
        for row in 0..<12 { for column in 0..<5 { transposed[column, row] = right[row, column] } }
        let (a, b) = (left.multiplied(by: right), left.multiplied(byTransposed: transposed))
        for (x, y) in zip(a.elements, b.elements) { #expect(abs(x - y) < 1e-5) }
    }

    @Test("adding a product keeps what was there")
    func accumulates() {
        let left = Numbers.matrix(3, 4, seed: 5)
        let weight = Numbers.matrix(2, 4, seed: 6)
        var sum = Matrix(rows: 3, columns: 2, repeating: 10)
        left.addProduct(withTransposed: weight, scale: 2, keep: 0.5, to: &sum)
        let product = left.multiplied(byTransposed: weight)
        for (x, y) in zip(sum.elements, product.elements) { #expect(abs(x - (2 * y + 5)) < 1e-5) }
    }

    @Test(
        "a row in tiles comes out alike wherever it stands and whatever stands beside it",
        arguments: [[24, 24], [64, 64], [65, 127], [192, 512], [333, 96]])
    func tiles(shape: [Int]) {
        let (outputs, inner) = (shape[0], shape[1])
        let weight = Numbers.matrix(outputs, inner, seed: 3)
        let row = Numbers.matrix(1, inner, seed: 4)
        let alone = row.multiplied(byTransposed: weight, rows: .tiled)
        for rows in [2, 7, 16, 37] {
            for place in [0, rows / 2, rows - 1] {
                var stack = Numbers.matrix(rows, inner, seed: UInt64(rows))
                stack.setRow(place, row.elements)
                let product = stack.multiplied(byTransposed: weight, rows: .tiled)
                #expect(product.rows(place..<place + 1) == alone)
                let together = stack.multiplied(byTransposed: weight)
                for (x, y) in zip(product.elements, together.elements) { #expect(abs(x - y) < 1e-4) }
            }
        }
    }

    @Test("attention of a head reads and writes its own columns, for keys in one piece and in two", arguments: [5, 2])
    func heads(cut: Int) {
        let shape = AttentionProduct(heads: 4, kvHeads: 2, headSize: 3)
        let queries = Numbers.matrix(4, 12, seed: 7)
        let rows = 1..<3
        let keys = Numbers.matrix(5, 6, seed: 8)
        func segment(_ range: Range<Int>) -> AttentionProduct.Segment {
            let rows = KeyValueRows(Array(keys.elements[range.lowerBound * 6..<range.upperBound * 6]))
            return .init(keys: rows, values: rows, count: range.count)
        }
        let sequence = AttentionProduct.Sequence(
            rows: rows, firstVisible: 4, segments: cut < 5 ? [segment(0..<cut), segment(cut..<5)] : [segment(0..<5)])
        var output = Matrix(rows: 4, columns: 12, repeating: 9)
        var all = Array(repeating: Matrix(rows: 2, columns: 5), count: 4)
        shape.scores(heads: 0..<4, queries: queries, sequence, masked: false, into: &all)
        for head in 0..<4 {
            for row in 0..<2 {
                for key in 0..<5 {
                    var dot: Float = 0
                    for column in 0..<3 {
                        dot += queries[1 + row, head * 3 + column] * keys[key, head / 2 * 3 + column]
                    }
                    #expect(abs(all[head][row, key] - dot / Float(3).squareRoot()) < 1e-5)
                }
            }
        }
        var masked = Array(repeating: Matrix(rows: 2, columns: 5), count: 1)
        shape.scores(heads: 2..<3, queries: queries, sequence, masked: true, into: &masked)
        #expect(masked[0][0, 4] == -.infinity && masked[0][1, 4] == all[2][1, 4])
        let scores = all[2]
        var weights = [scores]
        shape.mix(heads: 2..<3, weights: &weights, sequence, into: &output)
        for row in 0..<4 {
            for column in 0..<12 where !(rows.contains(row) && (6..<9).contains(column)) {
                #expect(output[row, column] == 9)
            }
        }
        for row in 0..<2 {
            for column in 0..<3 {
                let expected = (0..<5).reduce(Float(0)) { $0 + scores[row, $1] * keys[$1, 3 + column] }
                #expect(abs(output[1 + row, 6 + column] - expected) < 1e-5)
            }
        }
    }

    @Test(
        "attention as a whole is scores, softmax and mixed values of every head, for few rows and many",
        arguments: [1, 8, 9, 30])
    func wholeAttention(rows: Int) {
        for (heads, kvHeads, headSize) in [(4, 2, 6), (2, 2, 32), (1, 1, 100)] {
            let shape = AttentionProduct(heads: heads, kvHeads: kvHeads, headSize: headSize)
            let (before, cut) = (7, 3)
            let total = before + rows
            let width = kvHeads * headSize
            let queries = Numbers.matrix(rows + 2, heads * headSize, seed: 51)
            let (keys, values) = (Numbers.list(total * width, seed: 52), Numbers.list(total * width, seed: 53))
            func segment(_ range: Range<Int>) -> AttentionProduct.Segment {
                let elements = range.lowerBound * width..<range.upperBound * width
                return .init(
                    keys: KeyValueRows(Array(keys[elements])), values: KeyValueRows(Array(values[elements])),
                    count: range.count)
            }
            let sequence = AttentionProduct.Sequence(
                rows: 1..<rows + 1, firstVisible: before + 1, segments: [segment(0..<cut), segment(cut..<total)])
            var expected = Matrix(rows: rows + 2, columns: heads * headSize, repeating: 9)
            var weights = Array(repeating: Matrix(rows: rows, columns: total), count: heads)
            shape.scores(heads: 0..<heads, queries: queries, sequence, masked: false, into: &weights)
            shape.softmax(heads: 0..<heads, sequence, &weights)
            shape.mix(heads: 0..<heads, weights: &weights, sequence, into: &expected)
            var result = Matrix(rows: rows + 2, columns: heads * headSize, repeating: 9)
            shape.mix(queries: queries, [sequence], into: &result)
            #expect(result.row(0).allSatisfy { $0 == 9 } && result.row(rows + 1).allSatisfy { $0 == 9 })
            for (x, y) in zip(result.elements, expected.elements) { #expect(abs(x - y) < 2e-6) }
        }
    }

    /// Heads of 32 go through the processor's bfloat16 pairs, where it has them; those of 20 do not.
    @Test("sequences that share keys get the bits that each gets alone", arguments: [true, false], [32, 20])
    func sharedKeys(inBFloat16: Bool, headSize: Int) {
        let shape = AttentionProduct(heads: 4, kvHeads: 2, headSize: headSize)
        let width = 2 * headSize
        func stored(_ count: Int, seed: UInt64) -> KeyValueRows {
            var rows = KeyValueRows(inBFloat16: inBFloat16)
            rows.append(Numbers.list(count * width, seed: seed)[...])
            return rows
        }
        let base = (keys: stored(300, seed: 54), values: stored(300, seed: 55))
        let queries = Numbers.matrix(60, 2 * width, seed: 56)
        var sequences: [AttentionProduct.Sequence] = []
        var first = 0
        // Few rows and many, more and less of the base, own keys and none.
        for (rows, shared, own) in [(1, 300, 1), (20, 280, 20), (3, 150, 9), (9, 300, 0), (7, 200, 8), (13, 1, 71)] {
            var segments = [
                AttentionProduct.Segment(
                    keys: base.keys, values: base.values, count: shared)
            ]
            if own > 0 {
                segments.append(
                    .init(
                        keys: stored(own, seed: 57 + UInt64(first)), values: stored(own, seed: 58 + UInt64(first)),
                        count: own))
            }
            sequences.append(
                .init(rows: first..<first + rows, firstVisible: shared + own - rows + 1, segments: segments))
            first += rows
        }
        var together = Matrix(rows: 60, columns: 2 * width)
        shape.mix(queries: queries, sequences, into: &together)
        var alone = Matrix(rows: 60, columns: 2 * width)
        for sequence in sequences { shape.mix(queries: queries, [sequence], into: &alone) }
        #expect(together == alone)
        #expect(together.rows(0..<first).elements.allSatisfy { $0 != 0 && abs($0) < 1 })
    }

    @Test("a cut leaves positions out as masked scores or weights of 0 do, to the last bit", arguments: [true, false])
    func cuts(masked: Bool) {
        let shape = AttentionProduct(heads: 4, kvHeads: 2, headSize: 20)
        var (keys, values) = (KeyValueRows(inBFloat16: true), KeyValueRows(inBFloat16: true))
        keys.append(Numbers.list(50 * 40, seed: 61)[...])
        values.append(Numbers.list(50 * 40, seed: 62)[...])
        let queries = Numbers.matrix(2, 80, seed: 63)
        let sequence = AttentionProduct.Sequence(
            rows: 0..<2, firstVisible: 49, segments: [.init(keys: keys, values: values, count: 50)])
        var batch = AttentionProduct.Batch()
        batch.append(sequence)
        let cut = [0..<3, 10..<12, 48..<50]
        for positions in cut { batch.append(AttentionProduct.Cut(positions: positions, isMasked: masked)) }
        var result = Matrix(rows: 2, columns: 80)
        shape.mix(queries: queries, &batch, into: &result)

        var attention = Array(repeating: Matrix(rows: 2, columns: 50), count: 4)
        shape.scores(heads: 0..<4, queries: queries, sequence, masked: true, into: &attention)
        func clear(_ value: Float) {
            for head in 0..<4 {
                for row in 0..<2 { for key in cut.joined() where key < 49 + row { attention[head][row, key] = value } }
            }
        }
        if masked { clear(-.infinity) }
        shape.softmax(heads: 0..<4, sequence, &attention)
        if !masked { clear(0) }
        var expected = Matrix(rows: 2, columns: 80)
        shape.mix(heads: 0..<4, weights: &attention, sequence, into: &expected)
        #expect(result == expected && result.elements.contains { abs($0) > 1e-3 })
    }

    @Test("a matrix takes another shape in the memory that it has")
    func reshaping() {
        var matrix = Numbers.matrix(4, 6, seed: 64)
        matrix.reshape(rows: 2, columns: 5)
        #expect(matrix.rows == 2 && matrix.columns == 5 && matrix.elements.count == 10)
        matrix.reshape(rows: 7, columns: 6)
        #expect(matrix.elements.count == 42 && matrix.row(6).count == 6)
        matrix.setRows(5, Numbers.matrix(2, 6, seed: 65))
        #expect(matrix.rows(5..<7) == Numbers.matrix(2, 6, seed: 65))
    }

    @Test(
        "a product that is cut into blocks for several threads is the one that is made in one piece",
        arguments: [(1050, 1344), (1050, 96), (40, 1200)])
    func blocks(rows: Int, columns: Int) {
        let inner = 200
        let (states, weight) = (Numbers.matrix(rows, inner, seed: 71), Numbers.matrix(columns, inner, seed: 72))
        let whole = states.multiplied(byTransposed: weight)
        // So few columns at a time that nothing is cut.
        for first in stride(from: 0, to: columns, by: 16) {
            let part = weight.rows(first..<min(columns, first + 16))
            let product = states.multiplied(byTransposed: part)
            for row in [0, 1, 17, rows - 1] {
                for column in 0..<part.rows {
                    #expect(abs(whole[row, first + column] - product[row, column]) < 1e-4)
                }
            }
        }
    }

    @Test("the library says which version and kernels it is")
    func library() {
        #expect(OpenBLAS.version.first?.isNumber == true)
        #expect(!OpenBLAS.kernel.isEmpty)
    }
}

/// Small reproducible numbers, about -1...1.
enum Numbers {
    static func list(_ count: Int, seed: UInt64) -> [Float] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
        return (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Float(state >> 40) / Float(1 << 23) - 1
        }
    }

    static func matrix(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
        Matrix(rows: rows, columns: columns, elements: list(rows * columns, seed: seed))
    }
}
