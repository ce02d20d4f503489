import Models
import Numerics
import Testing

/// What a pass leaves out, and what watching it changes, in bfloat16.
@Suite("The rows of the last layer") struct LastRowTests {
    private let ids = [1, 7, 30, 2, 2, 19, 11, 5, 28, 14, 0, 23]

    /// Counts the rows that it is shown.
    private final class Witness: ForwardHooks {
        let sites: Set<Site>
        let layer: Int
        let watchesAttention: Bool
        var rows: [Site: Int] = [:]
        var heads = 0

        init(_ sites: Set<Site>, layer: Int, attention: Bool = false) {
            (self.sites, self.layer, watchesAttention) = (sites, layer, attention)
        }

        func wants(_ site: Site, layer: Int) -> Bool { layer == self.layer && sites.contains(site) }
        func visit(_ site: Site, layer: Int, positions: Range<Int>, state: inout Matrix) {
            rows[site] = state.rows
            #expect(positions == 0..<state.rows)
        }
        func wantsAttention(layer: Int) -> Bool { watchesAttention && layer == self.layer }
        func weights(layer: Int, head: Int, positions: Range<Int>, _ weights: inout Matrix) { heads += 1 }
    }

    private func last(_ states: Matrix) -> Matrix { states.rows(states.rows - 1..<states.rows) }

    @Test(
        "the last row has the same bits whether the others are computed or not, and so has what follows",
        arguments: [NumberFormat.float32, .bfloat16], [3, 12])
    func sameBits(format: NumberFormat, count: Int) throws {
        for placement in [DecoderConfiguration.NormPlacement.input, .branchOutput] {
            let decoder = RandomDecoder(normPlacement: placement, format: format).decoder
            let embeddings = decoder.embed(Array(ids.prefix(count)))
            func pass(_ results: ResultRows, _ hooks: Witness? = nil) throws -> [Matrix] {
                var cache = KVCache(configuration: decoder.configuration)
                let states = try decoder.forward(embeddings, cache: &cache, hooks: hooks, reading: results)
                let next = try decoder.forward(decoder.embed([4]), cache: &cache)
                return [last(states), next]
            }
            let all = try pass(.all)
            #expect(try pass(.last) == all)
            for site in Site.allCases {
                let witness = Witness([site], layer: decoder.configuration.layers - 1)
                #expect(try pass(.last, witness) == all, "\(site)")
                #expect(witness.rows[site] == count)
            }
        }
    }

    @Test("only the last row goes through the last layer in bfloat16, and all of them in float32")
    func fewer() throws {
        for format in NumberFormat.allCases {
            let decoder = RandomDecoder(format: format).decoder
            var cache = KVCache(configuration: decoder.configuration)
            let states = try decoder.forward(decoder.embed(ids), cache: &cache, reading: .last)
            #expect(states.rows == (format == .bfloat16 ? 1 : ids.count))
            #expect(cache.count == ids.count)
            var sequences = [ids, [4], Array(ids.prefix(10))].map {
                SequenceRows(decoder.embed($0), after: KVCache(configuration: decoder.configuration))
            }
            let whole = try decoder.forward(&sequences)
            sequences = [ids, [4], Array(ids.prefix(10))].map {
                SequenceRows(decoder.embed($0), after: KVCache(configuration: decoder.configuration))
            }
            let read = try decoder.forward(&sequences, reading: .last)
            for (all, read) in zip(whole, read) { #expect(last(all) == last(read)) }
        }
    }

    @Test("watching the attention of a generated token changes no bit of it, and keys and values take half the bytes")
    func watched() throws {
        let decoder = RandomDecoder(format: .bfloat16).decoder
        var base = KVCache(configuration: decoder.configuration)
        _ = try decoder.forward(decoder.embed(ids), cache: &base)
        #expect(base.byteCount == 2 * 2 * ids.count * decoder.configuration.kvWidth * decoder.configuration.layers)
        for layer in 0..<decoder.configuration.layers {
            var (watched, unwatched) = (base, base)
            let witness = Witness([], layer: layer, attention: true)
            let states = try decoder.forward(decoder.embed([9, 3]), cache: &watched, hooks: witness)
            #expect(try decoder.forward(decoder.embed([9, 3]), cache: &unwatched) == states)
            #expect(witness.heads == decoder.configuration.heads)
        }
    }

    @Test(
        "watched attention of many rows agrees with unwatched within rounding, also over a shared cache",
        arguments: [6, 16])
    func watchedPrompt(headSize: Int) throws {
        let decoder = RandomDecoder(headSize: headSize, format: .bfloat16).decoder
        var base = KVCache(configuration: decoder.configuration)
        _ = try decoder.forward(decoder.embed(ids), cache: &base)
        let first = Array(repeating: 7, count: decoder.configuration.layers)
        func states(_ hooks: [Witness?]) throws -> [Matrix] {
            var sequences = hooks.map {
                SequenceRows(
                    decoder.embed(Array(ids.suffix(10))), after: KVCache(sharing: base, first: first), hooks: $0)
            }
            return try decoder.forward(&sequences)
        }
        let unwatched = try states([nil, nil])
        let watched = try states([Witness([], layer: 1, attention: true), Witness([], layer: 1, attention: true)])
        for (a, b) in zip(unwatched, watched) {
            for (x, y) in zip(a.elements, b.elements) { #expect(abs(x - y) < 5e-3) }
        }
        #expect(watched[0] == watched[1])
    }
}
