/// Values in 0...1 by layer as horizontal bars, a column for each series.
///
///     layer  gate                  open
///         0  ·                0.00 ·                0.00
///         1  ████████████████ 1.00 ██▌              0.16
struct LayerPlot {
    struct Series {
        let title: String
        /// By layer; a layer without a value has no bar.
        let values: [Int: Double]
    }

    private let title: String
    private let series: [Series]
    private let width: Int

    init(_ title: String, _ series: [Series], width: Int = 24) {
        self.title = title
        self.series = series
        self.width = width
    }

    var lines: [String] {
        let layers = Set(series.flatMap(\.values.keys)).sorted()
        guard !layers.isEmpty else { return [] }
        var header = "layer"
        for entry in series { header += "  " + Self.padded(entry.title, to: width + 6) }
        return [title, Self.trimmed(header)]
            + layers.map { layer in
                let number = String(layer)
                var line = String(repeating: " ", count: max(0, 5 - number.count)) + number
                for entry in series {
                    line += "  "
                    guard let value = entry.values[layer] else {
                        line += Self.padded("–", to: width + 6)
                        continue
                    }
                    line += Self.padded(bar(value), to: width) + " " + String(Shown.number(value).prefix(5))
                }
                return Self.trimmed(line)
            }
    }

    /// Eighths of a character, so that small differences show.
    private func bar(_ value: Double) -> String {
        let eighths = Int((min(max(value, 0), 1) * Double(width * 8)).rounded())
        guard eighths > 0 else { return "·" }
        let part: [String] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        return String(repeating: "█", count: eighths / 8) + part[eighths % 8]
    }

    private static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func trimmed(_ text: String) -> String {
        var text = text
        while text.last == " " { text.removeLast() }
        return text
    }
}
