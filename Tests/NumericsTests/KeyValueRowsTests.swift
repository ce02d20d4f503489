import Numerics
import Testing

@Suite("Keys and values as a cache keeps them") struct KeyValueRowsTests {
    @Test("rows come out rounded to the format and in order, however they came in")
    func appending() {
        let numbers = Numbers.list(37, seed: 71)
        var (halves, floats) = (KeyValueRows(inBFloat16: true), KeyValueRows(inBFloat16: false))
        for part in [0..<20, 20..<20, 20..<21, 21..<37] {
            halves.append(numbers[part])
            floats.append(numbers[part])
        }
        #expect(halves.count == 37 && halves.byteCount == 74 && floats.byteCount == 148)
        #expect(floats.elements == numbers)
        for (number, row) in zip(numbers, halves.elements) {
            #expect(abs(number - row) <= abs(number) / 256 && row.bitPattern & 0xFFFF == 0)
        }
        halves.removeLast(30)
        #expect(halves.count == 7 && halves.emptied.isEmpty && halves.emptied.isBFloat16)
    }

    @Test("a copy does not see how the original goes on")
    func copies() {
        var original = KeyValueRows(Numbers.list(20, seed: 72))
        var copy = original
        #expect(copy.isSameStorage(as: original))
        original.append([1, 2][...])
        copy.removeLast(5)
        copy.append([3][...])
        #expect(original.elements == Numbers.list(20, seed: 72) + [1, 2])
        #expect(copy.elements == Numbers.list(20, seed: 72).prefix(15) + [3])
        // What has room grows in place.
        let before = original.count
        for number in 0..<1000 { original.append([Float(number)][...]) }
        #expect(original.count == before + 1000 && original.elements.last == 999)
    }

    @Test(
        "attention over rounded keys and values is attention over the same numbers in float32, for few rows and many",
        arguments: [1, 5, 8, 9, 30])
    func attention(count: Int) {
        for (heads, kvHeads, headSize) in [(4, 2, 6), (2, 2, 32), (3, 1, 100)] {
            let shape = AttentionProduct(heads: heads, kvHeads: kvHeads, headSize: headSize)
            let (before, cut, width) = (70, 41, kvHeads * headSize)
            let total = before + count
            let queries = Numbers.matrix(count, heads * headSize, seed: 72)
            func rows(_ range: Range<Int>, seed: UInt64) -> KeyValueRows {
                var rows = KeyValueRows(inBFloat16: true)
                rows.append(
                    Numbers.list(total * width, seed: seed)[range.lowerBound * width..<range.upperBound * width])
                return rows
            }
            func sequence(widened: Bool) -> AttentionProduct.Sequence {
                let segments = [0..<cut, cut..<total].map { range in
                    AttentionProduct.Segment(
                        keys: rows(range, seed: 73), values: rows(range, seed: 74), count: range.count)
                }
                return AttentionProduct.Sequence(
                    rows: 0..<count, firstVisible: before + 1,
                    segments: widened ? segments.map(\.widened) : segments)
            }
            func mixed(_ sequence: AttentionProduct.Sequence) -> Matrix {
                var output = Matrix(rows: count, columns: heads * headSize)
                shape.mix(queries: queries, [sequence], into: &output)
                return output
            }
            let (stored, floats) = (sequence(widened: false), sequence(widened: true))
            let result = mixed(stored)
            #expect(result.elements.contains { $0 != 0 })
            let isRounded = shape.roundsQueriesAndWeights(of: stored)
            if !isRounded { #expect(result == mixed(floats)) }
            // Head by head, as for who watches: the same bits of few rows, and of many the same but for the order of sums.
            let isFew = count <= AttentionProduct.fewRows
            var byHead = Matrix(rows: count, columns: heads * headSize)
            var attention = Array(repeating: Matrix(rows: count, columns: total, repeating: 9), count: heads)
            var rounded = queries
            if isRounded { rounded.roundToBFloat16(rows: 0..<count) }
            let taken = isFew ? stored : floats
            shape.scores(heads: 0..<heads, queries: rounded, taken, masked: true, into: &attention)
            shape.softmax(heads: 0..<heads, taken, &attention)
            shape.mix(heads: 0..<heads, weights: &attention, rounded: isRounded, taken, into: &byHead)
            if isFew { #expect(byHead == result) }
            // A weight that lies between two bfloat16 numbers may go to either.
            for (x, y) in zip(byHead.elements, result.elements) { #expect(abs(x - y) < (isRounded ? 3e-4 : 2e-6)) }
        }
    }
}
