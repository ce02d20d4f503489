import Store
import StrictJSON

/// The summaries of jobs of one kind, side by side.
struct JobComparison {
    private let jobs: [JobRecordRows]
    private let kind: String

    /// - Parameter jobs: not empty, all of one kind.
    init(_ jobs: [JobRecordRows]) {
        self.jobs = jobs
        kind = jobs.first?.job.kind ?? ""
    }

    /// A column group a job: what the rows of their summaries have in common stands at the left.
    var lines: [String] {
        let measures =
            kind == "patch" ? ["accuracy", "flipped", "similarity"] : ["similarity", "caption_agrees", "effect"]
        var titles = [kind == "patch" ? "layer" : "variant"]
        for job in jobs {
            for measure in measures { titles.append(">\(jobs.count > 1 ? "\(job.job.model) " : "")\(measure)") }
        }
        titles.append(">n")
        var table = TextTable(titles)
        for key in keys {
            var entries = [key]
            var count: Int?
            for job in jobs {
                let row = job.summary.first { Self.key($0) == key }
                for measure in measures { entries.append(Shown.number(row?[measure]?["mean"]?.doubleValue)) }
                count = count ?? row?["n"]?.integerValue
            }
            table.add(entries + [count.map(String.init) ?? ""])
        }
        return table.lines
    }

    /// What the rows are about, in the order of the first job that has them.
    private var keys: [String] {
        var keys: [String] = []
        for row in jobs.flatMap(\.summary) {
            let key = Self.key(row)
            if !keys.contains(key) { keys.append(key) }
        }
        return keys
    }

    private static func key(_ row: JSONValue) -> String {
        let layer = row["layer"]?.integerValue.map(String.init)
        guard let variant = row["variant"]?.stringValue else { return layer ?? "all" }
        return layer.map { "\(variant), layer \($0)" } ?? variant
    }

    /// Bars by layer, a column a job; nothing for jobs that are not about layers.
    var plot: [String] {
        func series(_ measure: String) -> [LayerPlot.Series] {
            jobs.map { job in
                var values: [Int: Double] = [:]
                for row in job.summary {
                    if let layer = row["layer"]?.integerValue, let mean = row[measure]?["mean"]?.doubleValue {
                        values[layer] = mean
                    }
                }
                return LayerPlot.Series(title: job.job.model, values: values)
            }
        }
        guard kind == "patch" else { return [] }
        let accuracy = LayerPlot("accuracy by layer: the patched run prefers the source's token", series("accuracy"))
            .lines
        let similarity = LayerPlot(
            "similarity by layer: overlap of the patched and the source run", series("similarity")
        ).lines
        return accuracy + (accuracy.isEmpty ? [] : [""]) + similarity
    }
}
