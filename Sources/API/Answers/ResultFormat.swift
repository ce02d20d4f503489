import HTTPTypes
import StrictJSON

/// In which form rows are given.
package enum ResultFormat: String, Sendable, CaseIterable {
    /// A page: `{"object": "list", "data": […], …}`.
    case json
    /// A row a line.
    case ndjson
    /// A table (``ResultTable``).
    case csv

    package var contentType: String {
        switch self {
        case .json: "application/json"
        case .ndjson: "application/x-ndjson"
        case .csv: "text/csv; charset=utf-8; header=present"
        }
    }

    /// The media types under which it is asked for.
    private var essences: [String] {
        switch self {
        case .json: ["application/json"]
        case .ndjson: ["application/x-ndjson", "application/ndjson", "application/jsonl"]
        case .csv: ["text/csv"]
        }
    }

    /// The parameter `format`, for those who cannot say `Accept` (a browser, `pandas.read_csv`), or what `Accept` wants
    /// most; JSON in doubt.
    init(_ field: JSONField?, _ headerFields: HTTPFields) throws {
        if let field {
            self = try JobEndpoints.choice(field)
            return
        }
        let acceptance = Acceptance(headerFields)
        try acceptance.check(anyOf: Self.allCases.flatMap(\.essences))
        func quality(_ format: ResultFormat) -> Double { format.essences.map { acceptance.quality(of: $0) }.max() ?? 0 }
        var best = ResultFormat.json
        for format in [ResultFormat.ndjson, .csv] where quality(format) > quality(best) { best = format }
        self = best
    }
}
