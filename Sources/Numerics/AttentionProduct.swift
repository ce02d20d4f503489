/// The two products of attention for one query head, straight into and out of packed rows.
///
/// Queries and outputs are `[rows, heads * headSize]`, keys and values `[keys, kvHeads * headSize]`; a head is a
/// block of columns, so no head is ever copied out.
package struct AttentionProduct: Sendable {
    package let heads: Int
    package let kvHeads: Int
    package let headSize: Int

    /// - Parameters:
    ///   - heads: query heads, a multiple of `kvHeads`.
    ///   - kvHeads: key and value heads; consecutive query heads share one.
    package init(heads: Int, kvHeads: Int, headSize: Int) {
        precondition(kvHeads > 0 && heads % kvHeads == 0 && headSize > 0, "query heads must share key heads evenly")
        self.heads = heads
        self.kvHeads = kvHeads
        self.headSize = headSize
    }

    /// The key and value head that query head `head` reads.
    package func kvHead(of head: Int) -> Int { head / (heads / kvHeads) }

    /// Consecutive keys or values of one sequence, `[count, kvHeads * headSize]`: what a cache holds in one piece.
    package struct Segment {
        /// At least `count` rows.
        package let rows: KeyValueRows
        package let count: Int
        /// The column of scores that the first one has.
        package let column: Int

        package init(rows: KeyValueRows, count: Int, column: Int = 0) {
            self.rows = rows
            self.count = count
            self.column = column
        }

        package init(elements: [Float], count: Int, column: Int = 0) {
            self.init(rows: .float32(elements), count: count, column: column)
        }
    }

    /// `scores = queries · keysᵀ / √headSize` of query head `head`, unmasked, in the columns of a segment's keys.
    ///
    /// - Parameters:
    ///   - queries: `[rows, heads * headSize]`, of which `range` are meant.
    ///   - keys: in float32.
    ///   - scores: `[range.count, keys]`.
    package func scores(
        head: Int, queries: Matrix, rows range: Range<Int>, keys: Segment, into scores: inout Matrix
    ) {
        let width = kvHeads * headSize
        let stride = scores.columns
        precondition(head >= 0 && head < heads && queries.columns == heads * headSize, "queries are packed by head")
        check(range, of: queries, keys, scores)
        let keyHead = kvHead(of: head)
        queries.elements.withUnsafeBufferPointer { queries in
            keys.floats.withUnsafeBufferPointer { elements in
                scores.elements.withUnsafeMutableBufferPointer { scores in
                    // Column offsets stay below the strides because head < heads and keyHead < kvHeads, so the last
                    // row's block ends inside its buffer; `check` bounds rows and columns.
                    guard let queries = queries.baseAddress, let elements = elements.baseAddress,
                        let scores = scores.baseAddress
                    else { return }
                    OpenBLAS.multiply(
                        .init(
                            start: queries + range.lowerBound * heads * headSize + head * headSize,
                            stride: heads * headSize),
                        .init(start: elements + keyHead * headSize, stride: width), transposed: true,
                        into: scores + keys.column, resultStride: stride, rows: range.count, columns: keys.count,
                        inner: headSize, scale: 1 / Float(headSize).squareRoot())
                }
            }
        }
    }

    /// `output = weights · values` into the columns of query head `head`; the segment after the first is added.
    ///
    /// - Parameters:
    ///   - weights: `[range.count, keys]`, of which the segment's columns are meant.
    ///   - values: in float32.
    ///   - output: `[rows, heads * headSize]`, of which `range` are written.
    package func mix(
        head: Int, weights: Matrix, values: Segment, into output: inout Matrix, rows range: Range<Int>
    ) {
        let width = kvHeads * headSize
        precondition(head >= 0 && head < heads && output.columns == heads * headSize, "outputs are packed by head")
        check(range, of: output, values, weights)
        let valueHead = kvHead(of: head)
        weights.elements.withUnsafeBufferPointer { buffer in
            values.floats.withUnsafeBufferPointer { elements in
                output.elements.withUnsafeMutableBufferPointer { output in
                    // As in `scores`: the head's columns lie inside every row of each buffer.
                    guard let start = buffer.baseAddress, let elements = elements.baseAddress,
                        let output = output.baseAddress
                    else { return }
                    OpenBLAS.multiply(
                        .init(start: start + values.column, stride: weights.columns),
                        .init(start: elements + valueHead * headSize, stride: width), transposed: false,
                        into: output + range.lowerBound * heads * headSize + head * headSize,
                        resultStride: heads * headSize, rows: range.count, columns: headSize, inner: values.count,
                        keep: values.column > 0 ? 1 : 0)
                }
            }
        }
    }

    private func check(_ range: Range<Int>, of packed: Matrix, _ segment: Segment, _ attention: Matrix) {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= packed.rows && attention.rows == range.count,
            "rows of packed heads and of attention are the same")
        precondition(
            segment.column >= 0 && segment.count > 0 && segment.column + segment.count <= attention.columns
                && segment.floats.count >= segment.count * kvHeads * headSize,
            "a segment's keys are columns of attention, and in float32")
    }
}

extension AttentionProduct.Segment {
    /// The elements where they are in float32, else none.
    fileprivate var floats: [Float] {
        if case .float32(let elements) = rows { elements } else { [] }
    }

    /// The same segment in float32.
    package var widened: Self { .init(rows: rows.widened, count: count, column: column) }
}
