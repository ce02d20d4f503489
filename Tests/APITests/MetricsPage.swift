/// A page of metrics, read as strictly as Prometheus' own text parser reads it, and then by its naming rules.
struct MetricsPage {
    struct Malformed: Error, CustomStringConvertible {
        let description: String
    }

    /// By metric: its type and its samples' labels and values.
    private(set) var types: [String: String] = [:]
    private(set) var samples: [(name: String, labels: [String: String], value: Double)] = []

    init(_ text: String) throws {
        guard text.hasSuffix("\n") else { throw Malformed(description: "no newline at the end") }
        var helped: Set<String> = []
        var current = ""
        for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
            if let match = line.wholeMatch(of: /# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)/) {
                guard helped.insert(String(match.1)).inserted else { throw Malformed(description: "two HELP: \(line)") }
                current = String(match.1)
            } else if let match = line.wholeMatch(of: /# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)/) {
                guard match.1 == current, types.updateValue(String(match.2), forKey: current) == nil else {
                    throw Malformed(description: "TYPE out of place: \(line)")
                }
            } else {
                try sample(line, of: current)
            }
        }
        try checkHistograms()
        for (name, type) in types {
            guard (type == "counter") == name.hasSuffix("_total") else {
                throw Malformed(description: "\(name) is a \(type)")
            }
        }
    }

    private mutating func sample(_ line: Substring, of metric: String) throws {
        guard let match = line.wholeMatch(of: /([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? ([^ ]+)/) else {
            throw Malformed(description: "no sample: \(line)")
        }
        let name = String(match.1)
        let isOfMetric =
            types[metric] == "histogram"
            ? ["_bucket", "_sum", "_count"].map { metric + $0 }.contains(name) : name == metric
        guard isOfMetric else { throw Malformed(description: "\(name) under \(metric)") }
        let texts = ["+Inf": Double.infinity, "-Inf": -.infinity, "NaN": .nan]
        guard let value = texts[String(match.4)] ?? Double(match.4) else {
            throw Malformed(description: "no number: \(line)")
        }
        var labels: [String: String] = [:]
        var rest = match.3 ?? ""
        while !rest.isEmpty {
            guard let label = rest.prefixMatch(of: /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/),
                labels.updateValue(String(label.2), forKey: String(label.1)) == nil
            else { throw Malformed(description: "labels: \(line)") }
            rest = rest[label.range.upperBound...]
        }
        guard !samples.contains(where: { $0.name == name && $0.labels == labels }) else {
            throw Malformed(description: "twice: \(line)")
        }
        samples.append((name, labels, value))
    }

    /// Buckets must not fall, and the last must be all of them.
    private func checkHistograms() throws {
        for (name, type) in types where type == "histogram" {
            var last: [String: Double] = [:]
            var total: [String: Double] = [:]
            for sample in samples where sample.name == name + "_bucket" {
                var labels = sample.labels
                let bound = labels.removeValue(forKey: "le")
                let key = "\(labels.sorted { $0.key < $1.key })"
                guard bound != nil, sample.value >= last[key] ?? 0 else {
                    throw Malformed(description: "buckets of \(name)")
                }
                last[key] = sample.value
                if bound == "+Inf" { total[key] = sample.value }
            }
            for sample in samples where sample.name == name + "_count" {
                guard total["\(sample.labels.sorted { $0.key < $1.key })"] == sample.value else {
                    throw Malformed(description: "count of \(name)")
                }
            }
        }
    }

    /// The value of the one sample with these labels among its own; `nil` where there is none.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        samples.first { sample in
            sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
        }?.value
    }
}
