import CKernels

extension AttentionProduct {
    /// Rows of one sequence and the keys and values that they see.
    package struct Sequence {
        /// Which rows of the stack.
        package let rows: Range<Int>
        /// How many keys the first row sees; each further one sees one more, the last one all.
        package let firstVisible: Int
        /// In the order of positions, as `values`, cut at the same places.
        package let keys: [Segment]
        package let values: [Segment]

        package init(rows: Range<Int>, firstVisible: Int, keys: [Segment], values: [Segment]) {
            self.rows = rows
            self.firstVisible = firstVisible
            self.keys = keys
            self.values = values
        }
    }

    /// Attention of all heads: the mixed values of the sequences' rows, without a matrix of weights.
    ///
    /// Sequences that follow each other and begin with the same segment read it once. A row's bits depend on its own sequence
    /// alone. Queries and weights are float32 as they are, or rounded to bfloat16 (``roundsQueriesAndWeights(of:)``); sums are
    /// float32. A run whose attention somebody watches or cuts goes through ``scores(head:queries:rows:keys:into:)`` and
    /// ``mix(head:weights:values:into:rows:)`` with what is rounded alike, and differs from one without in low bits at most.
    ///
    /// - Parameters:
    ///   - queries: `[rows, heads * headSize]`.
    ///   - sequences: their keys and values in one format.
    ///   - output: as `queries`; the sequences' rows are written.
    package func mix(queries: Matrix, _ sequences: [Sequence], into output: inout Matrix) {
        let width = heads * headSize
        precondition(queries.columns == width && output.columns == width, "queries and outputs are packed by head")
        for sequence in sequences { check(sequence, rows: min(queries.rows, output.rows)) }
        guard let first = sequences.first else { return }
        let isBFloat16 = first.keys[0].rows.isBFloat16
        precondition(sequences.allSatisfy { $0.keys[0].rows.isBFloat16 == isBFloat16 }, "one format in a call")
        queries.elements.withUnsafeBufferPointer { queries in
            output.elements.withUnsafeMutableBufferPointer { output in
                // Rows lie in queries and output: `check` has seen to it.
                withItems(sequences, queries.baseAddress, output.baseAddress) { shape, items in
                    ckernels_attend(Kernels.level, shape, items.count, items)
                }
            }
        }
    }

    /// Whether ``mix(queries:_:into:)`` rounds a sequence's queries and weights to bfloat16: where keys and values are stored so,
    /// the rows are many, as in linear layers, and the processor multiplies bfloat16.
    package func roundsQueriesAndWeights(of sequence: Sequence) -> Bool {
        guard sequence.rows.count > Self.fewRows, let segment = sequence.keys.first else { return false }
        var shape = shape(isBFloat16: segment.rows.isBFloat16)
        return ckernels_takes_pairs(Kernels.level, &shape) != 0
    }

    private func shape(isBFloat16: Bool) -> ckernels_heads {
        ckernels_heads(
            heads: heads, kv_heads: kvHeads, size: headSize, format: isBFloat16 ? CKERNELS_BFLOAT16 : CKERNELS_FLOAT32)
    }

    /// A sequence of at most this many rows may be taken head by head with the bits of the whole.
    package static let fewRows = Int(CKERNELS_FEW_ROWS)

    /// The scores of one head of a sequence of few rows, scaled, of the keys that each row sees; what ``mix(queries:_:into:)``
    /// computes with, to the last bit.
    ///
    /// - Parameters:
    ///   - queries: `[rows, heads * headSize]`.
    ///   - scores: `[sequence.rows.count, keys]`.
    package func scores(head: Int, queries: Matrix, _ sequence: Sequence, into scores: inout Matrix) {
        precondition(queries.columns == heads * headSize, "queries are packed by head")
        check(head, sequence, rows: queries.rows, attention: scores)
        let stride = scores.columns
        queries.elements.withUnsafeBufferPointer { queries in
            scores.elements.withUnsafeMutableBufferPointer { scores in
                guard let scores = scores.baseAddress else { return }
                withItems([sequence], queries.baseAddress, nil) { shape, items in
                    // A row of scores for each row of the sequence, as long as its keys; outputs are not touched.
                    ckernels_head_scores(Kernels.level, shape, head, items, scores, stride)
                }
            }
        }
    }

    /// `output = weights · values` into the columns of query head `head`, for a sequence of few rows: as ``mix(queries:_:into:)``
    /// mixes, to the last bit.
    ///
    /// - Parameters:
    ///   - weights: `[sequence.rows.count, keys]`.
    ///   - output: `[rows, heads * headSize]`; the sequence's rows are written.
    package func mix(head: Int, weights: Matrix, _ sequence: Sequence, into output: inout Matrix) {
        precondition(output.columns == heads * headSize, "outputs are packed by head")
        check(head, sequence, rows: output.rows, attention: weights)
        weights.elements.withUnsafeBufferPointer { elements in
            output.elements.withUnsafeMutableBufferPointer { output in
                guard let start = elements.baseAddress else { return }
                withItems([sequence], nil, output.baseAddress) { shape, items in
                    // As above; queries are not touched.
                    ckernels_head_mix(Kernels.level, shape, head, items, start, weights.columns)
                }
            }
        }
    }

    private func check(_ head: Int, _ sequence: Sequence, rows: Int, attention: Matrix) {
        precondition(head >= 0 && head < heads && sequence.rows.count <= Self.fewRows, "a head, and few rows")
        check(sequence, rows: rows)
        precondition(
            attention.rows == sequence.rows.count
                && attention.columns >= sequence.firstVisible + sequence.rows.count - 1,
            "a row of attention for each row of the sequence")
    }

    private func check(_ sequence: Sequence, rows: Int) {
        precondition(
            sequence.rows.lowerBound >= 0 && sequence.rows.upperBound <= rows && !sequence.rows.isEmpty,
            "outside the matrix")
        precondition(
            !sequence.keys.isEmpty && sequence.keys.map(\.count) == sequence.values.map(\.count),
            "keys and values are cut at the same places")
        let isBFloat16 = sequence.keys[0].rows.isBFloat16
        precondition(
            (sequence.keys + sequence.values).allSatisfy { $0.rows.isBFloat16 == isBFloat16 },
            "keys and values have one format")
        precondition(
            (sequence.keys + sequence.values).allSatisfy { $0.rows.count >= $0.count * kvHeads * headSize },
            "segments are whole rows")
        precondition(
            sequence.firstVisible > 0
                && sequence.firstVisible + sequence.rows.count - 1 == sequence.keys.reduce(0) { $0 + $1.count },
            "the last row sees all keys")
    }

    /// Calls `body` with the sequences as the kernels take them, while all their storage is held.
    ///
    /// - Parameters:
    ///   - queries: of row 0 of the stack, where the kernel reads them; as `output`. The caller owns the proof that the
    ///     sequences' rows exist there.
    private func withItems(
        _ sequences: [Sequence], _ queries: UnsafePointer<Float>?, _ output: UnsafeMutablePointer<Float>?,
        _ body: (UnsafePointer<ckernels_heads>, [ckernels_sequence]) -> Void
    ) {
        let segments = sequences.flatMap { zip($0.keys, $0.values) }
        guard let isBFloat16 = segments.first?.0.rows.isBFloat16 else { return }
        var shape = shape(isBFloat16: isBFloat16)
        Self.withSegments(segments[...], []) { segments in
            // A segment has `count` rows of all key heads: `check` has seen to it. There is one at least.
            guard var segment = segments.baseAddress else { return }
            let items = sequences.map { sequence in
                defer { segment += sequence.keys.count }
                let start = sequence.rows.lowerBound * heads * headSize
                return ckernels_sequence(
                    rows: sequence.rows.count, visible: sequence.firstVisible, queries: queries.map { $0 + start },
                    output: output.map { $0 + start }, segments: segment, segment_count: sequence.keys.count)
            }
            body(&shape, items)
        }
    }

    /// Calls `body` while the storage of all segments is held.
    private static func withSegments(
        _ segments: ArraySlice<(Segment, Segment)>, _ held: [ckernels_segment],
        _ body: (UnsafeBufferPointer<ckernels_segment>) -> Void
    ) {
        guard let (keys, values) = segments.first else { return held.withUnsafeBufferPointer(body) }
        keys.rows.withUnsafeStart { keyStart in
            values.rows.withUnsafeStart { valueStart in
                let segment = ckernels_segment(keys: keyStart, values: valueStart, count: keys.count)
                withSegments(segments.dropFirst(), held + [segment], body)
            }
        }
    }
}
