import Models

/// One tensor of a trace's file.
package struct TraceEntry: Sendable {
    package let name: String
    package let shape: [Int]
    /// Whether the elements are int32 rather than float32.
    package let isInteger: Bool
    /// What the file's metadata says of it, beside: a captured state's `site` and `layers`.
    package let metadata: [(name: String, text: String)]

    init(_ name: String, shape: [Int], isInteger: Bool = false, metadata: [(name: String, text: String)] = []) {
        self.name = name
        self.shape = shape
        self.isInteger = isInteger
        self.metadata = metadata
    }
}

// What is measured beside a trace: `captures.0`, `attention.0`, `logit_lens.0.ids` and `logit_lens.0.p`, and so on.

extension ResolvedMeasurements {
    /// The tensors that the measurements make in a trace's file.
    func entries(on shape: DecoderConfiguration) -> [TraceEntry] {
        let captures = captures.enumerated().map { at, capture in
            TraceEntry(
                "captures.\(at)",
                shape: [
                    capture.layers.count, capture.pool == .mean ? 1 : capture.positions.count,
                    shape.width(at: capture.site),
                ],
                metadata: [
                    ("captures.\(at).site", capture.site.rawValue),
                    ("captures.\(at).layers", capture.layers.map(String.init).joined(separator: ",")),
                ])
        }
        let attention = attention.enumerated().map { at, asked in
            TraceEntry(
                "attention.\(at)",
                shape: [asked.layers.count, asked.heads?.count ?? 1, asked.queryRows, asked.keys.count])
        }
        let lenses = logitLens.enumerated().flatMap { at, lens in
            let shape = [lens.layers.count, lens.positions.count, min(lens.top, shape.vocabulary)]
            return [
                TraceEntry("logit_lens.\(at).ids", shape: shape, isInteger: true),
                TraceEntry("logit_lens.\(at).p", shape: shape),
            ]
        }
        return captures + attention + lenses
    }
}

extension MeasuredStates {
    /// Writes what was measured as the tensors of ``ResolvedMeasurements/entries(on:)``.
    func write(to sink: some Trace.Sink) throws {
        for (at, capture) in captures.enumerated() {
            try sink.write(capture.state.elements, to: "captures.\(at)", at: 0)
        }
        for (at, attention) in attention.enumerated() {
            try sink.write(attention.rows.flatMap { $0.weights.map { Float($0) } }, to: "attention.\(at)", at: 0)
        }
        for (at, lens) in logitLens.enumerated() {
            let tokens = lens.rows.flatMap(\.top)
            try sink.write(tokens.map { Int32($0.id) }, to: "logit_lens.\(at).ids")
            try sink.write(tokens.map { Float($0.probability) }, to: "logit_lens.\(at).p", at: 0)
        }
    }
}
