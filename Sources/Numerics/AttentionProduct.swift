import CKernels

/// Attention between packed rows: of several sequences at once, or head by head for who wants to see scores and weights.
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

    /// Keys and values of consecutive positions of one sequence, `[count, kvHeads * headSize]` each.
    package struct Segment: Sendable {
        package let keys: KeyValueRows
        package let values: KeyValueRows
        /// The first row of both that is meant.
        package let first: Int
        package let count: Int

        /// - Parameter count: as many rows lie in `keys` and `values` from `first` on.
        package init(keys: KeyValueRows, values: KeyValueRows, first: Int = 0, count: Int) {
            self.keys = keys
            self.values = values
            self.first = first
            self.count = count
        }

        /// The same positions in float32.
        package var widened: Self { .init(keys: keys.widened, values: values.widened, first: first, count: count) }
    }

    /// Positions that all heads of a sequence's rows go without.
    package struct Cut: Sendable, Equatable {
        package let positions: Range<Int>
        /// Whether their scores become `-infinity` before the softmax; else their weights become 0 after it, and the others stay.
        package let isMasked: Bool

        package init(positions: Range<Int>, isMasked: Bool) {
            self.positions = positions
            self.isMasked = isMasked
        }
    }

    /// Rows of one sequence and the keys and values that they see.
    package struct Sequence: Sendable {
        /// Which rows of the stack.
        package let rows: Range<Int>
        /// How many keys the first row sees; each further one sees one more, the last one all.
        package let firstVisible: Int
        /// In the order of positions.
        package let segments: [Segment]

        package init(rows: Range<Int>, firstVisible: Int, segments: [Segment]) {
            self.rows = rows
            self.firstVisible = firstVisible
            self.segments = segments
        }
    }

    /// A sequence of at most this many rows has its keys and values read where they are; for more rows they are laid out first.
    package static let fewRows = Int(CKERNELS_FEW_ROWS)

    /// Whether a sequence's queries and weights are rounded to bfloat16: where keys and values are stored so, the rows are
    /// many, as in linear layers, and the processor multiplies bfloat16.
    package func roundsQueriesAndWeights(of sequence: Sequence) -> Bool {
        guard sequence.rows.count > Self.fewRows, let segment = sequence.segments.first else { return false }
        var shape = shape(inBFloat16: segment.keys.isBFloat16)
        return ckernels_takes_pairs(Kernels.level, &shape) != 0
    }

    func shape(inBFloat16 isBFloat16: Bool) -> ckernels_heads {
        ckernels_heads(
            heads: heads, kv_heads: kvHeads, size: headSize, format: isBFloat16 ? CKERNELS_BFLOAT16 : CKERNELS_FLOAT32)
    }

    /// Whether a segment's rows lie in its storage, in one format.
    func check(_ segment: Segment) {
        let width = kvHeads * headSize
        precondition(segment.keys.isBFloat16 == segment.values.isBFloat16, "keys and values have one format")
        precondition(
            segment.first >= 0 && segment.count > 0
                && segment.keys.count >= (segment.first + segment.count) * width
                && segment.values.count >= (segment.first + segment.count) * width, "segments are whole rows")
    }

    /// The segment as the kernels take it: as long as its rows are alive and as they are.
    func located(_ segment: Segment) -> ckernels_segment {
        let bytes = segment.keys.isBFloat16 ? MemoryLayout<UInt16>.stride : MemoryLayout<Float>.stride
        let offset = segment.first * kvHeads * headSize * bytes
        return ckernels_segment(
            keys: segment.keys.start + offset, values: segment.values.start + offset, count: segment.count)
    }
}
