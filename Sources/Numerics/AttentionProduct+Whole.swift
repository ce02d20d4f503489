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
    /// Sequences that follow each other and begin with the same segment read it once. In float32 whatever the linear weights
    /// are: a run whose attention somebody watches or cuts goes through ``scores(head:queries:rows:keys:into:)`` and
    /// ``mix(head:weights:values:into:rows:)``, and must not differ from one without by more than low bits. A row's bits
    /// depend on its own sequence alone.
    ///
    /// - Parameters:
    ///   - queries: `[rows, heads * headSize]`.
    ///   - output: as `queries`; the sequences' rows are written.
    package func mix(queries: Matrix, _ sequences: [Sequence], into output: inout Matrix) {
        let width = heads * headSize
        precondition(queries.columns == width && output.columns == width, "queries and outputs are packed by head")
        for sequence in sequences { check(sequence, rows: min(queries.rows, output.rows)) }
        guard !sequences.isEmpty else { return }
        queries.elements.withUnsafeBufferPointer { queries in
            output.elements.withUnsafeMutableBufferPointer { output in
                let segments = sequences.flatMap { zip($0.keys, $0.values) }
                Self.withSegments(segments[...], []) { segments in
                    // `check` bounds all regions: rows lie in queries and output, and a segment has `count` rows of all
                    // key heads. The arrays behind the pointers are held by `withSegments` and the closures around.
                    guard let queries = queries.baseAddress, let output = output.baseAddress,
                        var segment = segments.baseAddress
                    else { return }
                    let items = sequences.map { sequence in
                        defer { segment += sequence.keys.count }
                        let start = sequence.rows.lowerBound * width
                        return ckernels_sequence(
                            rows: sequence.rows.count, visible: sequence.firstVisible, queries: queries + start,
                            output: output + start, segments: segment, segment_count: sequence.keys.count)
                    }
                    ckernels_attend(Kernels.level, heads, kvHeads, headSize, items.count, items)
                }
            }
        }
    }

    private func check(_ sequence: Sequence, rows: Int) {
        precondition(
            sequence.rows.lowerBound >= 0 && sequence.rows.upperBound <= rows && !sequence.rows.isEmpty,
            "outside the matrix")
        precondition(
            !sequence.keys.isEmpty && sequence.keys.map(\.count) == sequence.values.map(\.count),
            "keys and values are cut at the same places")
        precondition(
            (sequence.keys + sequence.values).allSatisfy { $0.elements.count >= $0.count * kvHeads * headSize },
            "segments are whole rows")
        precondition(
            sequence.firstVisible > 0
                && sequence.firstVisible + sequence.rows.count - 1 == sequence.keys.reduce(0) { $0 + $1.count },
            "the last row sees all keys")
    }

    /// Calls `body` while the storage of all segments is held.
    private static func withSegments(
        _ segments: ArraySlice<(Segment, Segment)>, _ held: [ckernels_segment],
        _ body: (UnsafeBufferPointer<ckernels_segment>) -> Void
    ) {
        guard let (keys, values) = segments.first else { return held.withUnsafeBufferPointer(body) }
        keys.elements.withUnsafeBufferPointer { keyElements in
            values.elements.withUnsafeBufferPointer { valueElements in
                let segment = ckernels_segment(
                    keys: keyElements.baseAddress, values: valueElements.baseAddress, count: keys.count)
                withSegments(segments.dropFirst(), held + [segment], body)
            }
        }
    }
}
