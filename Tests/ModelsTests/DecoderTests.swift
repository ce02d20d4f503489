import Models
import Numerics
import Testing

@Suite("The decoder") struct DecoderTests {
    private let ids = [1, 7, 30, 2, 2, 19, 11, 5, 28, 14, 0, 23]

    private func largestDifference(_ a: Matrix, _ b: Matrix) -> Float {
        guard a.rows == b.rows, a.columns == b.columns else { return .infinity }
        return zip(a.elements, b.elements).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }

    @Test(
        "agrees with the definition in double precision, for grouped and ungrouped heads and both places of the norms",
        arguments: [1, 2, 4], [DecoderConfiguration.NormPlacement.input, .branchOutput])
    func definition(kvHeads: Int, placement: DecoderConfiguration.NormPlacement) throws {
        for qkNorm in [true, false] {
            let random = RandomDecoder(kvHeads: kvHeads, qkNorm: qkNorm, normPlacement: placement)
            let decoder = random.decoder
            var cache = KVCache(configuration: random.configuration)
            let logits = decoder.logits(try decoder.forward(decoder.embed(ids), cache: &cache))
            let expected = ObviousForward(configuration: random.configuration, weights: random.weights).logits(ids)
            for row in ids.indices {
                for id in 0..<random.configuration.vocabulary {
                    if decoder.maskedTokenIDs.contains(id) {
                        #expect(logits[row, id] == -Float.greatestFiniteMagnitude)
                    } else {
                        #expect(abs(Double(logits[row, id]) - expected[row][id]) < 1e-4)
                    }
                }
            }
        }
    }

    @Test("a prompt in two pieces, or row by row, gives what it gives at once", arguments: Golden.names)
    func pieces(name: String) throws {
        let golden = try Golden(name)
        let model = try golden.model()
        let decoder = model.decoder
        let prompt = try model.prompt(golden.prompt, images: [model.encode(file: golden.picture("a"))])
        let embeddings = decoder.embed(prompt.embeddingIDs)
        let count = embeddings.rows
        var whole = KVCache(configuration: decoder.configuration)
        let expected = try decoder.forward(embeddings, cache: &whole)

        for cut in [1, prompt.layout.images[0].eoi, count - 1] {
            var cache = KVCache(configuration: decoder.configuration)
            let first = try decoder.forward(embeddings.rows(0..<cut), cache: &cache)
            #expect(cache.count == cut)
            let second = try decoder.forward(embeddings.rows(cut..<count), cache: &cache)
            #expect(cache.count == count)
            #expect(largestDifference(first, expected.rows(0..<cut)) < 1e-5)
            #expect(largestDifference(second, expected.rows(cut..<count)) < 1e-5)
        }
        var cache = KVCache(configuration: decoder.configuration)
        for row in 0..<count {
            let state = try decoder.forward(embeddings.rows(row..<row + 1), cache: &cache)
            #expect(largestDifference(state, expected.rows(row..<row + 1)) < 1e-5)
        }
    }

    @Test("a truncated copy of a cache goes another way and leaves the original alone")
    func sharedPrefix() throws {
        let random = RandomDecoder()
        let decoder = random.decoder
        var original = KVCache(configuration: random.configuration)
        _ = try decoder.forward(decoder.embed(ids), cache: &original)
        var variant = original
        variant.truncate(to: 5)
        let branched = try decoder.forward(decoder.embed([9, 9]), cache: &variant)
        var fresh = KVCache(configuration: random.configuration)
        let expected = try decoder.forward(decoder.embed(ids.prefix(5) + [9, 9]), cache: &fresh)
        #expect(largestDifference(branched, expected.rows(5..<7)) < 1e-5)
        #expect(variant.count == 7)

        let next = try decoder.forward(decoder.embed([4]), cache: &original)
        var whole = KVCache(configuration: random.configuration)
        let all = try decoder.forward(decoder.embed(ids + [4]), cache: &whole)
        #expect(largestDifference(next, all.rows(ids.count..<ids.count + 1)) < 1e-5)
    }

    @Test("a pass abandoned at a layer boundary leaves the cache as it was")
    func abandoned() throws {
        struct Stop: Error {}
        final class Stopper: ForwardHooks {
            func willEnter(layer: Int) throws { if layer == 2 { throw Stop() } }
        }
        let random = RandomDecoder()
        let decoder = random.decoder
        var cache = KVCache(configuration: random.configuration)
        _ = try decoder.forward(decoder.embed([1, 2, 3]), cache: &cache)
        var untouched = cache
        #expect(throws: Stop.self) {
            try decoder.forward(decoder.embed([4, 5]), cache: &cache, hooks: Stopper())
        }
        #expect(cache.count == 3)
        let after = try decoder.forward(decoder.embed([6]), cache: &cache)
        #expect(after == (try decoder.forward(decoder.embed([6]), cache: &untouched)))
    }

    @Test(
        "replacing attn_in changes the branch and not the stream it came from",
        arguments: [DecoderConfiguration.NormPlacement.input, .branchOutput])
    func attentionInput(placement: DecoderConfiguration.NormPlacement) throws {
        final class Zero: ForwardHooks {
            var residualIn: [Float] = []
            var residualOut: [Float] = []
            var added: [Float] = []
            func wants(_ site: Site, layer: Int) -> Bool { layer == 0 }
            func visit(_ site: Site, layer: Int, positions: Range<Int>, state: inout Matrix) {
                switch site {
                case .residIn: residualIn = state.elements
                case .attnIn, .mlpOut: state = Matrix(rows: state.rows, columns: state.columns)
                case .attnOut: added = state.elements
                case .residOut: residualOut = state.elements
                case .headOut: break
                }
            }
        }
        let random = RandomDecoder(normPlacement: placement)
        let hooks = Zero()
        var cache = KVCache(configuration: random.configuration)
        _ = try random.decoder.forward(random.decoder.embed(ids), cache: &cache, hooks: hooks)
        // Values of a zero input are zero, so both branches add nothing.
        #expect(hooks.added.allSatisfy { $0 == 0 })
        #expect(hooks.residualOut == hooks.residualIn)
    }

    @Test("a query whose keys are all masked takes nothing from attention, and nothing turns into not-a-number")
    func allMasked() throws {
        final class MaskAll: ForwardHooks {
            var heads: [Float] = []
            func wantsAttention(layer: Int) -> Bool { layer == 1 }
            func scores(layer: Int, head: Int, positions: Range<Int>, _ scores: inout Matrix) {
                for key in 0..<scores.columns { scores[2, key] = -.infinity }
            }
            func wants(_ site: Site, layer: Int) -> Bool { site == .headOut && layer == 1 }
            func visit(_ site: Site, layer: Int, positions: Range<Int>, state: inout Matrix) {
                heads = Array(state.row(2))
            }
        }
        let random = RandomDecoder()
        let hooks = MaskAll()
        var cache = KVCache(configuration: random.configuration)
        let states = try random.decoder.forward(random.decoder.embed(ids), cache: &cache, hooks: hooks)
        #expect(hooks.heads.count == 24 && hooks.heads.allSatisfy { $0 == 0 })
        #expect(states.elements.allSatisfy { $0.isFinite })
    }

    @Test("a score written for a key that comes later stays without weight")
    func laterKeys() throws {
        final class Peek: ForwardHooks {
            var weight: Float = .nan
            func wantsAttention(layer: Int) -> Bool { layer == 0 }
            func scores(layer: Int, head: Int, positions: Range<Int>, _ scores: inout Matrix) {
                #expect(scores[1, 2] == -.infinity)
                scores[1, 2] = 50
            }
            func weights(layer: Int, head: Int, positions: Range<Int>, _ weights: inout Matrix) {
                weight = weights[1, 2]
            }
        }
        let random = RandomDecoder()
        let hooks = Peek()
        var cache = KVCache(configuration: random.configuration)
        _ = try random.decoder.forward(random.decoder.embed(ids), cache: &cache, hooks: hooks)
        #expect(hooks.weight == 0)
    }

    @Test("a sequence beyond the model's positions is refused with both numbers")
    func tooLong() throws {
        let random = RandomDecoder()
        var cache = KVCache(configuration: random.configuration)
        _ = try random.decoder.forward(random.decoder.embed(Array(repeating: 1, count: 60)), cache: &cache)
        let error = #expect(throws: ModelError.self) {
            try random.decoder.forward(random.decoder.embed([1, 1, 1, 1, 1]), cache: &cache)
        }
        #expect(error?.kind == .length)
        #expect(error?.description.contains("65") == true && error?.description.contains("64") == true)
    }
}
