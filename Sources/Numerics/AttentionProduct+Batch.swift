import CKernels

extension AttentionProduct {
    /// The sequences of one call of ``AttentionProduct/mix(queries:_:into:)``, in lists that keep their memory from call to call.
    ///
    /// `@unchecked Sendable`: the lists of pointers are filled and read inside one call; between calls nobody looks at what they hold.
    package struct Batch: @unchecked Sendable {
        /// A sequence, and which of ``segments`` are its.
        struct Item {
            let rows: Range<Int>
            let firstVisible: Int
            var segments: Range<Int>
            var cuts: Range<Int>
        }

        private(set) var items: [Item] = []
        package private(set) var segments: [Segment] = []
        /// What the kernels are given, in the same order.
        private var locations: [ckernels_segment] = []
        private var cuts: [ckernels_cut] = []
        private var sequences: [ckernels_sequence] = []

        package init() {}

        package var isEmpty: Bool { items.isEmpty }

        package mutating func removeAll() {
            items.removeAll(keepingCapacity: true)
            segments.removeAll(keepingCapacity: true)
            cuts.removeAll(keepingCapacity: true)
        }

        /// Begins a sequence, whose segments follow; as ``AttentionProduct/Sequence``.
        package mutating func append(rows: Range<Int>, firstVisible: Int) {
            items.append(
                Item(
                    rows: rows, firstVisible: firstVisible, segments: segments.endIndex..<segments.endIndex,
                    cuts: cuts.endIndex..<cuts.endIndex))
        }

        /// Adds the next positions to the sequence that was begun last.
        package mutating func append(_ segment: Segment) {
            precondition(!items.isEmpty, "a segment is of a sequence")
            segments.append(segment)
            items[items.endIndex - 1].segments = items[items.endIndex - 1].segments.lowerBound..<segments.endIndex
        }

        /// Adds a cut to the sequence that was begun last, whose rows are few.
        package mutating func append(_ cut: Cut) {
            precondition(items.last.map { $0.rows.count <= AttentionProduct.fewRows } == true, "a cut is of few rows")
            precondition(cut.positions.lowerBound >= 0, "positions are counted from 0")
            cuts.append(
                ckernels_cut(
                    first: cut.positions.lowerBound, count: cut.positions.count, masked: cut.isMasked ? 1 : 0))
            items[items.endIndex - 1].cuts = items[items.endIndex - 1].cuts.lowerBound..<cuts.endIndex
        }

        package mutating func append(_ sequence: Sequence) {
            append(rows: sequence.rows, firstVisible: sequence.firstVisible)
            for segment in sequence.segments { append(segment) }
        }

        /// Calls `body` with the sequences as the kernels take them. The caller owns the proof that their rows exist in
        /// `queries` and `output`.
        mutating func withLocations(
            of heads: AttentionProduct, _ queries: UnsafePointer<Float>?, _ output: UnsafeMutablePointer<Float>?,
            _ body: (UnsafeBufferPointer<ckernels_sequence>) -> Void
        ) {
            locations.removeAll(keepingCapacity: true)
            sequences.removeAll(keepingCapacity: true)
            for segment in segments { locations.append(heads.located(segment)) }
            // `segments` keeps the storage alive, and nobody writes it meanwhile: it would be copied.
            withExtendedLifetime(segments) {
                locations.withUnsafeBufferPointer { locations in
                    cuts.withUnsafeBufferPointer { cuts in
                        guard let first = locations.baseAddress else { return }
                        for item in items {
                            let start = item.rows.lowerBound * heads.heads * heads.headSize
                            sequences.append(
                                ckernels_sequence(
                                    rows: item.rows.count, visible: item.firstVisible,
                                    queries: queries.map { $0 + start }, output: output.map { $0 + start },
                                    segments: first + item.segments.lowerBound, segment_count: item.segments.count,
                                    cuts: cuts.baseAddress.map { $0 + item.cuts.lowerBound },
                                    cut_count: item.cuts.count))
                        }
                        sequences.withUnsafeBufferPointer(body)
                    }
                }
            }
        }
    }

    /// Attention of all heads: the mixed values of the sequences' rows, without a matrix of weights.
    ///
    /// Sequences that follow each other and begin with the same segment read it once. A row's bits depend on its own sequence
    /// alone. Queries and weights are float32 as they are, or rounded to bfloat16 (``roundsQueriesAndWeights(of:)``); sums are
    /// float32. A run whose attention somebody watches or cuts goes head by head with what is rounded alike, and differs from
    /// one without in low bits at most.
    ///
    /// - Parameters:
    ///   - queries: `[rows, heads * headSize]`.
    ///   - batch: keys and values in one format.
    ///   - output: as `queries`; the sequences' rows are written.
    package func mix(queries: Matrix, _ batch: inout Batch, into output: inout Matrix) {
        let width = heads * headSize
        precondition(queries.columns == width && output.columns == width, "queries and outputs are packed by head")
        guard let first = batch.segments.first else { return }
        let rows = min(queries.rows, output.rows)
        for item in batch.items { check(item, of: batch, rows: rows) }
        precondition(batch.segments.allSatisfy { $0.keys.isBFloat16 == first.keys.isBFloat16 }, "one format in a call")
        var shape = shape(inBFloat16: first.keys.isBFloat16)
        queries.elements.withUnsafeBufferPointer { queries in
            output.elements.withUnsafeMutableBufferPointer { output in
                // Rows lie in queries and output, and segments in their storage: `check` has seen to it.
                batch.withLocations(of: self, queries.baseAddress, output.baseAddress) { sequences in
                    ckernels_attend(Kernels.level, &shape, sequences.count, sequences.baseAddress)
                }
            }
        }
    }

    /// As ``mix(queries:_:into:)``, of sequences in a list.
    package func mix(queries: Matrix, _ sequences: [Sequence], into output: inout Matrix) {
        var batch = Batch()
        for sequence in sequences { batch.append(sequence) }
        mix(queries: queries, &batch, into: &output)
    }

    private func check(_ item: Batch.Item, of batch: Batch, rows: Int) {
        precondition(
            item.rows.lowerBound >= 0 && item.rows.upperBound <= rows && !item.rows.isEmpty, "outside the matrix")
        var keys = 0
        for index in item.segments {
            check(batch.segments[index])
            keys += batch.segments[index].count
        }
        precondition(
            item.firstVisible > 0 && item.firstVisible + item.rows.count - 1 == keys, "the last row sees all keys")
    }
}
