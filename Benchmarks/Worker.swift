import Foundation
import Models
import Numerics

/// Measures one model, a line of standard input at a time, and answers each with seconds: so that a script can take turns
/// with another engine in one run.
///
///     prefill N        N tokens from nothing, logits of the last
///     decode N S T     T steps of S sequences after N shared tokens; seconds of one step
///     encode           one picture to its codes
///     cache N          no seconds: the bytes that the keys and values of N tokens take
struct Worker {
    private let model: VisionLanguageModel
    private var prefix: (length: Int, cache: KVCache)?

    init(_ model: VisionLanguageModel) { self.model = model }

    mutating func answer(_ line: String) throws -> Double {
        let words = line.split(separator: " ").map(String.init)
        let numbers = words.dropFirst().compactMap(Int.init)
        switch (words.first, numbers.count) {
        case ("prefill", 1): return try seconds { _ = try prefill(numbers[0]) }
        case ("decode", 3): return try decode(after: numbers[0], sequences: numbers[1], steps: numbers[2])
        case ("cache", 1): return Double(try prefill(numbers[0]).byteCount)
        case ("encode", 0):
            guard let encoder = model.vqEncoder else { throw Misunderstood(line: line) }
            let side = encoder.configuration.resolution
            let pixels = (0..<3 * side * side).map { Float(($0 &* 2_654_435_761) >> 8 & 0xFFFF) / 32768 - 1 }
            return try seconds { _ = try encoder.codes(pixels) }
        default: throw Misunderstood(line: line)
        }
    }

    /// Tokens that any model has, the same on every side of a comparison.
    private func ids(_ count: Int) -> [Int] {
        (0..<count).map { 4 + $0 * 7919 % (model.decoder.configuration.vocabulary - 4) }
    }

    private func prefill(_ count: Int) throws -> KVCache {
        let decoder = model.decoder
        var cache = KVCache(configuration: decoder.configuration)
        let states = try decoder.forward(decoder.embed(ids(count)), cache: &cache)
        _ = decoder.logits(states.rows(count - 1..<count))
        return cache
    }

    private mutating func decode(after length: Int, sequences count: Int, steps: Int) throws -> Double {
        let decoder = model.decoder
        if prefix?.length != length { prefix = (length, try prefill(length)) }
        guard let prefix else { return .nan }
        let first = Array(repeating: length, count: decoder.configuration.layers)
        var caches = (0..<count).map { _ in KVCache(sharing: prefix.cache, first: first) }
        return try seconds {
            for step in 0..<steps {
                var rows = caches.enumerated().map { index, cache in
                    SequenceRows(decoder.embed([5 + (step + index) % 100]), after: cache)
                }
                caches = []
                let states = try decoder.forward(&rows)
                _ = decoder.logits(
                    Matrix(rows: count, columns: states[0].columns, elements: states.flatMap(\.elements)))
                caches = rows.map(\.cache)
            }
        } / Double(steps)
    }

    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = ContinuousClock.now
        try body()
        return (ContinuousClock.now - start) / .seconds(1)
    }
}

/// A line that is no measurement.
struct Misunderstood: Error, CustomStringConvertible {
    let line: String
    var description: String { "\"\(line)\" is none of: prefill N, decode N S T, encode, cache N" }
}
