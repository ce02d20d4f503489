import Numerics
import Testing

@Suite("Keys and values as a cache keeps them") struct KeyValueRowsTests {
    @Test("rows come out rounded to the format and in order, however they came in")
    func appending() {
        let numbers = Numbers.list(37, seed: 71)
        var (halves, floats) = (KeyValueRows.bfloat16([]), KeyValueRows.float32([]))
        for part in [0..<20, 20..<20, 20..<21, 21..<37] {
            halves.append(numbers[part])
            floats.append(numbers[part])
        }
        #expect(halves.count == 37 && halves.byteCount == 74 && floats.byteCount == 148)
        guard case .float32(let exact) = floats.widened, case .float32(let rounded) = halves.widened else {
            Issue.record("not in float32")
            return
        }
        #expect(exact == numbers)
        for (number, row) in zip(numbers, rounded) {
            #expect(abs(number - row) <= abs(number) / 256 && row.bitPattern & 0xFFFF == 0)
        }
        halves.removeLast(30)
        #expect(halves.count == 7 && halves.emptied.isEmpty && halves.emptied.isBFloat16)
    }

    @Test(
        "attention over rounded keys and values is attention over the same numbers in float32, for few rows and many",
        arguments: [1, 5, 8, 9, 30])
    func attention(rows: Int) {
        for (heads, kvHeads, headSize) in [(4, 2, 6), (2, 2, 32), (3, 1, 100)] {
            let shape = AttentionProduct(heads: heads, kvHeads: kvHeads, headSize: headSize)
            let (before, cut, width) = (70, 41, kvHeads * headSize)
            let total = before + rows
            let queries = Numbers.matrix(rows, heads * headSize, seed: 72)
            func segments(seed: UInt64, widened: Bool) -> [AttentionProduct.Segment] {
                let numbers = Numbers.list(total * width, seed: seed)
                return [(0..<cut, 0), (cut..<total, cut)].map { range, column in
                    var rows = KeyValueRows.bfloat16([])
                    rows.append(numbers[range.lowerBound * width..<range.upperBound * width])
                    return .init(rows: widened ? rows.widened : rows, count: range.count, column: column)
                }
            }
            func sequence(widened: Bool) -> AttentionProduct.Sequence {
                AttentionProduct.Sequence(
                    rows: 0..<rows, firstVisible: before + 1, keys: segments(seed: 73, widened: widened),
                    values: segments(seed: 74, widened: widened))
            }
            func mixed(_ sequence: AttentionProduct.Sequence) -> Matrix {
                var output = Matrix(rows: rows, columns: heads * headSize)
                shape.mix(queries: queries, [sequence], into: &output)
                return output
            }
            let (stored, floats) = (sequence(widened: false), sequence(widened: true))
            let result = mixed(stored)
            #expect(result.elements.contains { $0 != 0 })
            let isRounded = shape.roundsQueriesAndWeights(of: stored)
            if !isRounded { #expect(result == mixed(floats)) }
            // Head by head, as for who watches: the same bits of few rows, and of many the same but for the order of sums.
            var byHead = Matrix(rows: rows, columns: heads * headSize)
            var attention = Matrix(rows: rows, columns: total, repeating: 9)
            var rounded = queries
            if isRounded { rounded.roundToBFloat16(rows: 0..<rows) }
            for head in 0..<heads {
                if rows <= AttentionProduct.fewRows {
                    shape.scores(head: head, queries: queries, stored, into: &attention)
                    attention.softmaxRows(firstVisible: before + 1)
                    shape.mix(head: head, weights: attention, stored, into: &byHead)
                } else {
                    for keys in floats.keys {
                        shape.scores(head: head, queries: rounded, rows: 0..<rows, keys: keys, into: &attention)
                    }
                    attention.softmaxRows(firstVisible: before + 1)
                    if isRounded { attention.roundToBFloat16(rows: 0..<rows) }
                    for values in floats.values {
                        shape.mix(head: head, weights: attention, values: values, into: &byHead, rows: 0..<rows)
                    }
                }
            }
            if rows <= AttentionProduct.fewRows { #expect(byHead == result) }
            // A weight that lies between two bfloat16 numbers may go to either.
            for (x, y) in zip(byHead.elements, result.elements) { #expect(abs(x - y) < (isRounded ? 3e-4 : 2e-6)) }
        }
    }
}
