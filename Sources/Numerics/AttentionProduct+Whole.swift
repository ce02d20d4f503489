import CKernels

extension AttentionProduct {
    /// Attention of all heads: the mixed values of some rows, without a matrix of weights.
    ///
    /// In float32 whatever the linear weights are: a run whose attention somebody watches or cuts goes through
    /// ``scores(head:queries:rows:keys:into:)`` and ``mix(head:weights:values:into:rows:)``, and must not differ from one
    /// without by more than low bits.
    ///
    /// - Parameters:
    ///   - queries: `[rows, heads * headSize]`, of which `range` are meant.
    ///   - firstVisible: how many keys the first of them sees; each further one sees one more, the last one all.
    ///   - keys: in the order of positions, as `values`, cut at the same places.
    ///   - output: `[rows, heads * headSize]`, of which `range` are written.
    package func mix(
        queries: Matrix, rows range: Range<Int>, firstVisible: Int, keys: [Segment], values: [Segment],
        into output: inout Matrix
    ) {
        let width = heads * headSize
        precondition(queries.columns == width && output.columns == width, "queries and outputs are packed by head")
        precondition(range.lowerBound >= 0 && range.upperBound <= min(queries.rows, output.rows), "outside the matrix")
        precondition(keys.map(\.count) == values.map(\.count), "keys and values are cut at the same places")
        precondition(
            (keys + values).allSatisfy { $0.elements.count >= $0.count * kvHeads * headSize }, "segments are whole rows"
        )
        precondition(
            firstVisible > 0 && firstVisible + range.count - 1 == keys.reduce(0) { $0 + $1.count },
            "the last row sees all keys")
        guard !range.isEmpty else { return }
        queries.elements.withUnsafeBufferPointer { queries in
            output.elements.withUnsafeMutableBufferPointer { output in
                Self.withSegments(keys[...], values[...], []) { segments in
                    segments.withUnsafeBufferPointer { segments in
                        // The preconditions bound all regions: `range` lies in queries and output, and a segment has
                        // `count` rows of all key heads.
                        guard let queries = queries.baseAddress, let output = output.baseAddress else { return }
                        var attention = ckernels_attention(
                            rows: range.count, heads: heads, kv_heads: kvHeads, size: headSize, visible: firstVisible,
                            queries: queries + range.lowerBound * width, segments: segments.baseAddress,
                            segment_count: segments.count, output: output + range.lowerBound * width)
                        ckernels_attend(Kernels.level, &attention)
                    }
                }
            }
        }
    }

    /// Calls `body` while the storage of all segments is held.
    private static func withSegments(
        _ keys: ArraySlice<Segment>, _ values: ArraySlice<Segment>, _ held: [ckernels_segment],
        _ body: ([ckernels_segment]) -> Void
    ) {
        guard let key = keys.first, let value = values.first else { return body(held) }
        key.elements.withUnsafeBufferPointer { keyElements in
            value.elements.withUnsafeBufferPointer { valueElements in
                let segment = ckernels_segment(
                    keys: keyElements.baseAddress, values: valueElements.baseAddress, count: key.count)
                withSegments(keys.dropFirst(), values.dropFirst(), held + [segment], body)
            }
        }
    }
}
