import CKernels

// Head by head: scores are there for a moment, and weights, before values are mixed by them. Several heads are computed side by
// side, each as it would be alone.

extension AttentionProduct {
    /// The scores of some heads of a sequence, scaled: of few rows what ``mix(queries:_:into:)`` computes with, to the last bit.
    ///
    /// - Parameters:
    ///   - queries: `[rows, heads * headSize]`.
    ///   - sequence: of few rows, or in float32.
    ///   - isMasked: whether keys that a row does not see get `-infinity`. Otherwise they hold anything: the softmax leaves
    ///     them out.
    ///   - scores: `[sequence.rows.count, keys]` for each head.
    package func scores(
        heads: Range<Int>, queries: Matrix, _ sequence: Sequence, masked isMasked: Bool, into scores: inout [Matrix]
    ) {
        precondition(queries.columns == self.heads * headSize, "queries are packed by head")
        check(sequence, rows: queries.rows, heads, scores)
        let kernel = HeadKernel(of: self, sequence)
        queries.elements.withUnsafeBufferPointer { queries in
            scores.withUnsafeMutableBufferPointer { scores in
                guard let queries = queries.baseAddress else { return }
                // A matrix a head: calls write apart. Its size, and the rows of queries, have been checked.
                Kernels.concurrently(inParts: heads.count, work: kernel.work * heads.count) { index in
                    kernel.scores(head: heads.lowerBound + index, queries, into: &scores[index])
                    if isMasked { scores[index].hideLaterKeys(firstVisible: sequence.firstVisible) }
                }
            }
        }
    }

    /// Turns the scores of some heads into weights (``Matrix/softmaxRows(firstVisible:)``).
    package func softmax(heads: Range<Int>, _ sequence: Sequence, _ scores: inout [Matrix]) {
        let work = heads.count * sequence.rows.count * (sequence.firstVisible + sequence.rows.count) * 16
        scores.withUnsafeMutableBufferPointer { scores in
            Kernels.concurrently(inParts: heads.count, work: work) {
                scores[$0].softmaxRows(firstVisible: sequence.firstVisible)
            }
        }
    }

    /// `output = weights · values` into the columns of some heads: of few rows as ``mix(queries:_:into:)`` mixes, to the last bit.
    ///
    /// - Parameters:
    ///   - weights: `[sequence.rows.count, keys]` for each head; rounded to bfloat16 here where `isRounded`.
    ///   - output: `[rows, heads * headSize]`; the sequence's rows are written.
    package func mix(
        heads: Range<Int>, weights: inout [Matrix], rounded isRounded: Bool = false, _ sequence: Sequence,
        into output: inout Matrix
    ) {
        precondition(output.columns == self.heads * headSize, "outputs are packed by head")
        check(sequence, rows: output.rows, heads, weights)
        let kernel = HeadKernel(of: self, sequence)
        output.elements.withUnsafeMutableBufferPointer { output in
            weights.withUnsafeMutableBufferPointer { weights in
                guard let output = output.baseAddress else { return }
                // A head's columns each: calls write apart.
                Kernels.concurrently(inParts: heads.count, work: kernel.work * heads.count) { index in
                    if isRounded { weights[index].roundToBFloat16(rows: 0..<weights[index].rows) }
                    kernel.mix(head: heads.lowerBound + index, weights[index], into: output)
                }
            }
        }
    }

    private func check(_ sequence: Sequence, rows: Int, _ heads: Range<Int>, _ attention: [Matrix]) {
        precondition(heads.lowerBound >= 0 && heads.upperBound <= self.heads, "heads are the model's")
        precondition(
            sequence.rows.lowerBound >= 0 && sequence.rows.upperBound <= rows && !sequence.rows.isEmpty,
            "outside the matrix")
        sequence.segments.forEach(check)
        let keys = sequence.segments.reduce(0) { $0 + $1.count }
        let isBFloat16 = sequence.segments.first?.keys.isBFloat16 ?? false
        precondition(
            sequence.firstVisible > 0
                && (sequence.firstVisible + sequence.rows.count - 1 == keys
                    || !isBFloat16 && sequence.firstVisible == keys),
            "the last row sees all keys, or every row does")
        precondition(
            attention.count >= heads.count
                && attention.allSatisfy { $0.rows == sequence.rows.count && $0.columns >= keys },
            "a row of attention for each row of the sequence")
        precondition(
            !isBFloat16 || sequence.rows.count <= Self.fewRows,
            "many rows are taken over keys and values in float32")
        precondition(
            sequence.segments.allSatisfy { $0.keys.isBFloat16 == isBFloat16 },
            "keys and values have one format")
    }
}

/// The two products of one head of a sequence, straight into and out of packed rows. The caller owns the proof that rows and
/// segments are where they say.
private struct HeadKernel {
    private let shape: AttentionProduct
    private let sequence: AttentionProduct.Sequence
    private let located: [ckernels_segment]

    init(of shape: AttentionProduct, _ sequence: AttentionProduct.Sequence) {
        self.shape = shape
        self.sequence = sequence
        located = sequence.segments.map(shape.located)
    }

    /// Multiplications of one head's product.
    var work: Int { sequence.rows.count * located.reduce(0) { $0 + $1.count } * shape.headSize }

    private var isBFloat16: Bool { sequence.segments.contains { $0.keys.isBFloat16 } }
    private var width: Int { shape.heads * shape.headSize }

    func scores(head: Int, _ queries: UnsafePointer<Float>, into scores: inout Matrix) {
        let stride = scores.columns
        scores.elements.withUnsafeMutableBufferPointer { scores in
            guard let scores = scores.baseAddress else { return }
            if isBFloat16 {
                // A row of scores for each row of the sequence, as long as its keys; outputs are not touched.
                return withItem(queries, nil) {
                    ckernels_head_scores(Kernels.level, $0, head, $1, scores, stride)
                }
            }
            forEachSegment { column, segment in
                OpenBLAS.multiply(
                    .init(start: row(queries, head), stride: width),
                    .init(start: floats(segment.keys, head), stride: shape.kvHeads * shape.headSize), transposed: true,
                    into: scores + column, resultStride: stride, rows: sequence.rows.count, columns: segment.count,
                    inner: shape.headSize, scale: 1 / Float(shape.headSize).squareRoot())
            }
        }
    }

    func mix(head: Int, _ weights: Matrix, into output: UnsafeMutablePointer<Float>) {
        weights.elements.withUnsafeBufferPointer { elements in
            guard let start = elements.baseAddress else { return }
            if isBFloat16 {
                // As above; queries are not touched.
                return withItem(nil, output) {
                    ckernels_head_mix(Kernels.level, $0, head, $1, start, weights.columns)
                }
            }
            let target = output + sequence.rows.lowerBound * width + head * shape.headSize
            forEachSegment { column, segment in
                OpenBLAS.multiply(
                    .init(start: start + column, stride: weights.columns),
                    .init(start: floats(segment.values, head), stride: shape.kvHeads * shape.headSize),
                    transposed: false, into: target, resultStride: width, rows: sequence.rows.count,
                    columns: shape.headSize, inner: segment.count, keep: column > 0 ? 1 : 0)
            }
        }
    }

    private func row(_ queries: UnsafePointer<Float>, _ head: Int) -> UnsafePointer<Float> {
        queries + sequence.rows.lowerBound * width + head * shape.headSize
    }

    private func floats(_ start: UnsafeRawPointer, _ head: Int) -> UnsafePointer<Float> {
        start.assumingMemoryBound(to: Float.self) + shape.kvHead(of: head) * shape.headSize
    }

    /// Each segment and the column of scores that its first key has.
    private func forEachSegment(_ body: (Int, ckernels_segment) -> Void) {
        withExtendedLifetime(sequence) {
            var column = 0
            for segment in located {
                body(column, segment)
                column += segment.count
            }
        }
    }

    private func withItem(
        _ queries: UnsafePointer<Float>?, _ output: UnsafeMutablePointer<Float>?,
        _ body: (UnsafePointer<ckernels_heads>, UnsafePointer<ckernels_sequence>) -> Void
    ) {
        var heads = shape.shape(inBFloat16: true)
        let start = sequence.rows.lowerBound * width
        withExtendedLifetime(sequence) {
            located.withUnsafeBufferPointer { segments in
                var item = ckernels_sequence(
                    rows: sequence.rows.count, visible: sequence.firstVisible, queries: queries.map { $0 + start },
                    output: output.map { $0 + start }, segments: segments.baseAddress, segment_count: segments.count,
                    cuts: nil, cut_count: 0)
                body(&heads, &item)
            }
        }
    }
}
