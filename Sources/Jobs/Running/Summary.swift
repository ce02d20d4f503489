import Foundation
import Interventions
import Numerics
import Store
import StrictJSON

/// Sums up an ended job: a row a variant (knockouts) or a layer (patches), with bootstrap intervals.
///
/// Intervals are 95 % percentile bootstraps over inputs or pairs, 1000 resamples, seeded: the same job
/// has the same summary.
struct Summary {
    private struct Group {
        let key: JSONValue
        var values: [String: [Double]] = [:]
    }

    private var groups: [Group] = []
    private var index: [String: Int] = [:]
    private let kind: JobKind
    private let seed: Int

    init(_ kind: JobKind, seed: Int) {
        self.kind = kind
        self.seed = seed
    }

    private static let resamples = 1000

    private var names: [String] {
        switch kind {
        case .caption: []
        case .knockout: ["similarity", "top1_agrees", "caption_agrees", "effect"]
        case .patch: ["accuracy", "flipped", "similarity", "effect"]
        }
    }

    /// Takes one cell in; failed cells count nowhere.
    mutating func add(_ cell: CellRecord) {
        guard cell.status == .ok, kind != .caption else { return }
        var key = JSONObject()
        if kind == .knockout { key["variant"] = .optional(cell.variant) }
        key["layer"] = .optional(cell.layer)
        let name = JSONValue.object(key).text
        let at = index[name] ?? groups.count
        if at == groups.count {
            groups.append(Group(key: .object(key)))
            index[name] = at
        }
        func flag(_ value: Bool?) -> Double? { value.map { $0 ? 1 : 0 } }
        let measures = cell.measures
        let values: [String: Double?] = [
            "similarity": measures.similarity, "effect": measures.effect, "top1_agrees": flag(measures.top1Agrees),
            "caption_agrees": flag(measures.captionAgrees), "accuracy": flag(measures.accurate),
            "flipped": flag(measures.flipped),
        ]
        for name in names {
            if let value = values[name] ?? nil { groups[at].values[name, default: []].append(value) }
        }
        groups[at].values["n", default: []].append(1)
    }

    /// The summary; `nil` for captions and for jobs without a finished cell.
    var json: JSONValue? {
        guard kind != .caption, !groups.isEmpty else { return nil }
        return [
            "by": kind == .knockout ? "variant" : "layer",
            "rows": .array(
                groups.map { group in
                    var row = group.key.objectValue ?? JSONObject()
                    row["n"] = .integer(group.values["n"]?.count ?? 0)
                    for name in names { row[name] = interval(group.values[name] ?? []) }
                    return .object(row)
                }),
        ]
    }

    private func interval(_ values: [Double]) -> JSONValue {
        guard !values.isEmpty else { return .null }
        let mean = values.reduce(0, +) / Double(values.count)
        var generator = SplitMix64(state: UInt64(bitPattern: Int64(seed)))
        var means: [Double] = []
        for _ in 0..<Self.resamples {
            var sum = 0.0
            for _ in values.indices { sum += values[Int.random(in: values.indices, using: &generator)] }
            means.append(sum / Double(values.count))
        }
        means.sort()
        let tail = Self.resamples / 40
        return ["mean": .number(mean), "low": .number(means[tail]), "high": .number(means[Self.resamples - 1 - tail])]
    }
}
