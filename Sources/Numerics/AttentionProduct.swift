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

    /// `scores = queries · keysᵀ / √headSize` of query head `head`, `[rows, keys]`, unmasked.
    package func scores(head: Int, queries: Matrix, keys: [Float], into scores: inout Matrix) {
        let width = kvHeads * headSize
        let (rows, count) = (scores.rows, scores.columns)
        precondition(head >= 0 && head < heads && queries.rows == rows && queries.columns == heads * headSize)
        precondition(keys.count == count * width, "keys and scores disagree")
        let keyHead = kvHead(of: head)
        queries.elements.withUnsafeBufferPointer { queries in
            keys.withUnsafeBufferPointer { keys in
                scores.elements.withUnsafeMutableBufferPointer { scores in
                    // Column offsets stay below the strides because head < heads and keyHead < kvHeads, so the last
                    // row's block ends inside its buffer.
                    guard let queries = queries.baseAddress, let keys = keys.baseAddress,
                        let scores = scores.baseAddress
                    else { return }
                    OpenBLAS.multiply(
                        .init(start: queries + head * headSize, stride: heads * headSize),
                        .init(start: keys + keyHead * headSize, stride: width), transposed: true, into: scores,
                        resultStride: count, rows: rows, columns: count, inner: headSize,
                        scale: 1 / Float(headSize).squareRoot())
                }
            }
        }
    }

    /// `output = weights · values` into the columns of query head `head`; `weights` is `[rows, keys]`.
    package func mix(head: Int, weights: Matrix, values: [Float], into output: inout Matrix) {
        let width = kvHeads * headSize
        let (rows, count) = (weights.rows, weights.columns)
        precondition(head >= 0 && head < heads && output.rows == rows && output.columns == heads * headSize)
        precondition(values.count == count * width, "values and weights disagree")
        let valueHead = kvHead(of: head)
        weights.elements.withUnsafeBufferPointer { weights in
            values.withUnsafeBufferPointer { values in
                output.elements.withUnsafeMutableBufferPointer { output in
                    // As in `scores`: the head's columns lie inside every row of each buffer.
                    guard let weights = weights.baseAddress, let values = values.baseAddress,
                        let output = output.baseAddress
                    else { return }
                    OpenBLAS.multiply(
                        .init(start: weights, stride: count),
                        .init(start: values + valueHead * headSize, stride: width), transposed: false,
                        into: output + head * headSize, resultStride: heads * headSize, rows: rows,
                        columns: headSize, inner: count)
                }
            }
        }
    }
}
