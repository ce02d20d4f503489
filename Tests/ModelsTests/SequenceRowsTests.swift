import Models
import Numerics
import Testing

@Suite("Passes over several sequences") struct SequenceRowsTests {
    private let ids = [1, 7, 30, 2, 2, 19, 11, 5, 28, 14, 0, 23]

    /// Keeps the residual stream that enters each layer, and may add to one state of it.
    private final class Probe: ForwardHooks {
        var entering: [Int: Matrix] = [:]
        var bump: (layer: Int, position: Int)?

        init(bump: (layer: Int, position: Int)? = nil) { self.bump = bump }

        func wants(_ site: Site, layer: Int) -> Bool { site == .residIn }
        func visit(_ site: Site, layer: Int, positions: Range<Int>, state: inout Matrix) {
            entering[layer] = state
            guard let bump, bump.layer == layer, positions.contains(bump.position) else { return }
            state[bump.position - positions.lowerBound, 3] += 2
        }
    }

    private func largestDifference(_ a: Matrix, _ b: Matrix) -> Float {
        guard a.rows == b.rows, a.columns == b.columns else { return .infinity }
        return zip(a.elements, b.elements).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }

    @Test("sequences of different lengths computed together come out as each alone")
    func together() throws {
        let decoder = RandomDecoder().decoder
        let texts = [ids, Array(ids.prefix(5)), [4], Array(ids.suffix(7))]
        var sequences = texts.map {
            SequenceRows(decoder.embed($0), after: KVCache(configuration: decoder.configuration))
        }
        let together = try decoder.forward(&sequences)
        for (index, text) in texts.enumerated() {
            var cache = KVCache(configuration: decoder.configuration)
            let alone = try decoder.forward(decoder.embed(text), cache: &cache)
            #expect(largestDifference(together[index], alone) < 1e-5)
            #expect(sequences[index].cache.count == text.count)
            // The caches go on alike.
            let next = try decoder.forward(decoder.embed([9]), cache: &sequences[index].cache)
            #expect(largestDifference(next, try decoder.forward(decoder.embed([9]), cache: &cache)) < 1e-5)
        }
    }

    @Test(
        "a sequence has the same bits whatever it is stacked with, be its rows few or many",
        arguments: NumberFormat.allCases)
    func neighbours(format: NumberFormat) throws {
        let decoder = RandomDecoder(format: format).decoder
        let texts = [ids, [4], Array(ids.prefix(9)), Array(ids.suffix(8)), ids + ids]
        func states(_ texts: [[Int]], _ results: ResultRows) throws -> [[Matrix]] {
            var sequences = texts.map {
                SequenceRows(decoder.embed($0), after: KVCache(configuration: decoder.configuration))
            }
            let states = try decoder.forward(&sequences, reading: results)
            for index in texts.indices {
                sequences[index] = SequenceRows(decoder.embed([9]), after: sequences[index].cache)
            }
            let next = try decoder.forward(&sequences, reading: results)
            return zip(states, next).map { [$0, $1] }
        }
        for results in [ResultRows.all, .last] {
            let together = try states(texts, results)
            #expect(try states(texts.reversed(), results) == together.reversed())
            for (index, text) in texts.enumerated() {
                #expect(try states([text], results)[0] == together[index])
            }
        }
    }

    @Test(
        "rows that join at a later layer over the clean run's keys and values come out as the whole run does",
        arguments: [(layer: 0, position: 4), (layer: 1, position: 7), (layer: 2, position: 11)])
    func joining(bump: (layer: Int, position: Int)) throws {
        let random = RandomDecoder()
        let decoder = random.decoder
        let clean = Probe()
        var base = KVCache(configuration: random.configuration)
        _ = try decoder.forward(decoder.embed(ids), cache: &base, hooks: clean)

        var whole = KVCache(configuration: random.configuration)
        let expected = try decoder.forward(decoder.embed(ids), cache: &whole, hooks: Probe(bump: bump))

        let first = (0..<random.configuration.layers).map { $0 < bump.layer ? ids.count : bump.position }
        let entry = try #require(clean.entering[bump.layer]).rows(bump.position..<ids.count)
        var sequences = [
            SequenceRows(
                joining: [bump.layer: entry], end: ids.count, after: KVCache(sharing: base, first: first),
                hooks: Probe(bump: bump)),
            // A neighbour in the stack that joins elsewhere.
            SequenceRows(decoder.embed([5, 6, 8]), after: KVCache(configuration: random.configuration)),
        ]
        let rows = try decoder.forward(&sequences)[0]
        #expect(largestDifference(rows, expected.rows(bump.position..<ids.count)) < 1e-5)
        let next = try decoder.forward(decoder.embed([9, 3]), cache: &sequences[0].cache)
        #expect(largestDifference(next, try decoder.forward(decoder.embed([9, 3]), cache: &whole)) < 1e-5)
        #expect(base.count == ids.count)
    }

    @Test("rows may join in steps: later positions at a lower layer, earlier ones above")
    func steps() throws {
        let random = RandomDecoder()
        let decoder = random.decoder
        let clean = Probe()
        var base = KVCache(configuration: random.configuration)
        _ = try decoder.forward(decoder.embed(ids), cache: &base, hooks: clean)
        let late = try #require(clean.entering[0]).rows(9..<12)
        let early = try #require(clean.entering[2]).rows(4..<9)
        var sequences = [
            SequenceRows(
                joining: [0: late, 2: early], end: 12, after: KVCache(sharing: base, first: [9, 9, 4]))
        ]
        let rows = try decoder.forward(&sequences)[0]
        // Nothing was changed, so the clean run comes out again.
        var whole = KVCache(configuration: random.configuration)
        let expected = try decoder.forward(decoder.embed(ids), cache: &whole)
        #expect(largestDifference(rows, expected.rows(4..<12)) < 1e-5)
    }

    @Test("an abandoned pass leaves every cache as it was")
    func abandoned() throws {
        struct Stop: Error {}
        final class Stopper: ForwardHooks {
            func willEnter(layer: Int) throws { if layer == 2 { throw Stop() } }
        }
        let decoder = RandomDecoder().decoder
        var cache = KVCache(configuration: decoder.configuration)
        _ = try decoder.forward(decoder.embed(ids), cache: &cache)
        var sequences = [
            SequenceRows(decoder.embed([4, 5]), after: cache),
            SequenceRows(decoder.embed([6]), after: cache, hooks: Stopper()),
        ]
        #expect(throws: Stop.self) { try decoder.forward(&sequences) }
        let after = try decoder.forward(decoder.embed([6]), cache: &sequences[0].cache)
        #expect(after == (try decoder.forward(decoder.embed([6]), cache: &cache)))
    }
}
