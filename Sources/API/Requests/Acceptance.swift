import HTTPTypes

/// What a client would like to get (`Accept`, RFC 9110 §12.5.1).
struct Acceptance: Sendable {
    private let ranges: [(essence: String, quality: Double)]

    init(_ fields: HTTPFields) {
        ranges = fields[values: .accept].flatMap { MediaType.split($0, at: ",") }.compactMap { text in
            guard let range = MediaType(text) else { return nil }
            let quality = range.parameters["q"].map { Double($0) ?? 0 } ?? 1
            return (range.essence, quality)
        }
    }

    /// How welcome `essence` is, in 0...1: the most specific range that fits decides; everything is, where nothing is said.
    func quality(of essence: String) -> Double {
        guard !ranges.isEmpty else { return 1 }
        let family = essence.prefix { $0 != "/" } + "/*"
        for candidate in [essence, String(family), "*/*"] {
            let fitting = ranges.filter { $0.essence == candidate }
            if let best = fitting.map(\.quality).max() { return best }
        }
        return 0
    }

    /// Refuses a client that takes none of `essences` (RFC 9110 §15.5.7).
    ///
    /// - throws: ``Problem`` 406, which names them.
    func check(anyOf essences: [String]) throws(Problem) {
        guard essences.allSatisfy({ quality(of: $0) == 0 }) else { return }
        let known = essences.joined(separator: ", ")
        throw Problem(.notAcceptable, field: "Accept", "nothing of it is given here; what is: \(known)")
    }

    /// Whether `essence` is wanted rather than `other`, which is what is given in doubt.
    func prefers(_ essence: String, to other: String) -> Bool {
        quality(of: essence) > quality(of: other)
    }
}
