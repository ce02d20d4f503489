/// One number of a metric, with the labels that tell it from the metric's others.
package struct MetricSample: Sendable, Equatable {
    package let labels: [(name: String, value: String)]
    package let value: Double

    package init(_ labels: [(String, String)] = [], _ value: Double) {
        self.labels = labels.map { (name: $0.0, value: $0.1) }
        self.value = value
    }

    package static func == (left: MetricSample, right: MetricSample) -> Bool {
        left.value == right.value && left.labels.elementsEqual(right.labels) { $0 == $1 }
    }
}

/// A page of metrics in Prometheus' text format, version 0.0.4.
///
/// Names follow its conventions: base units, `_total` for what only grows, `_bytes`, `_seconds`.
package struct MetricsText: Sendable {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package private(set) var text = ""

    package init() {}

    /// A number that only grows until the process ends.
    package mutating func counter(_ name: String, _ help: String, _ samples: [MetricSample]) {
        metric(name, help, "counter", samples)
    }

    package mutating func counter(_ name: String, _ help: String, _ value: Double) {
        counter(name, help, [MetricSample([], value)])
    }

    /// A number as it is now.
    package mutating func gauge(_ name: String, _ help: String, _ samples: [MetricSample]) {
        metric(name, help, "gauge", samples)
    }

    package mutating func gauge(_ name: String, _ help: String, _ value: Double) {
        gauge(name, help, [MetricSample([], value)])
    }

    /// Distributions of one name, told apart by labels.
    package mutating func histogram(
        _ name: String, _ help: String, _ members: [(labels: [(String, String)], snapshot: Histogram.Snapshot)]
    ) {
        head(name, help, "histogram")
        for (labels, snapshot) in members {
            var below = 0
            for (bound, count) in zip(snapshot.bounds, snapshot.counts) {
                below += count
                line(name + "_bucket", labels + [("le", Self.number(bound))], Double(below))
            }
            line(name + "_bucket", labels + [("le", "+Inf")], Double(snapshot.count))
            line(name + "_sum", labels, snapshot.sum)
            line(name + "_count", labels, Double(snapshot.count))
        }
    }

    private mutating func metric(_ name: String, _ help: String, _ type: String, _ samples: [MetricSample]) {
        head(name, help, type)
        for sample in samples { line(name, sample.labels.map { ($0.name, $0.value) }, sample.value) }
    }

    private mutating func head(_ name: String, _ help: String, _ type: String) {
        text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(type)\n"
    }

    private mutating func line(_ name: String, _ labels: [(String, String)], _ value: Double) {
        text += name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0)=\"\(Self.escaped($1, quotes: true))\"" }.joined(separator: ",") + "}"
        }
        text += " \(Self.number(value))\n"
    }

    private static func number(_ value: Double) -> String {
        if value == .infinity { return "+Inf" }
        if value == -.infinity { return "-Inf" }
        if value.isNaN { return "NaN" }
        let text = value.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
