import Foundation
import Models
import Numerics
import StrictJSON
import Testing

@Suite("Number formats") struct NumberFormatTests {
    private func logits(_ model: VisionLanguageModel, _ golden: Golden, pieces: [Int]) throws -> Matrix {
        let image = try model.encode(pixelValues: golden.floats("pixel_values"))
        let prompt = try model.prompt(golden.prompt, images: [image])
        let decoder = model.decoder
        var cache = KVCache(configuration: decoder.configuration)
        var rows: [Float] = []
        var start = 0
        for piece in pieces + [prompt.embeddingIDs.count - pieces.reduce(0, +)] {
            let embeddings = decoder.embed(Array(prompt.embeddingIDs[start..<start + piece]))
            rows += decoder.logits(try decoder.forward(embeddings, cache: &cache)).elements
            start += piece
        }
        return Matrix(rows: start, columns: decoder.configuration.vocabulary, elements: rows)
    }

    @Test("small models are computed in float32 unless somebody says otherwise, although they are stored in 16 bits")
    func choice() throws {
        let scratch = try ScratchModel()
        func format(_ asked: NumberFormat? = nil) throws -> NumberFormat {
            try VisionLanguageModel(directory: scratch.directory, name: "scratch", numberFormat: asked).numberFormat
        }
        #expect(try format() == .float32)
        #expect(try format(.bfloat16) == .bfloat16)
        try scratch.write("narrowgate.json", ["number_format": "bfloat16"])
        #expect(try format() == .bfloat16)
        #expect(try format(.float32) == .float32)
        try scratch.write("narrowgate.json", ["number_format": "int4"])
        #expect(throws: ModelError.self) { try format() }
    }

    @Test(
        "bfloat16 weights, mapped or rounded on loading, give the float32 logits within their error",
        arguments: Golden.names)
    func accuracy(name: String) throws {
        // One golden stores bfloat16, the other float16.
        let golden = try Golden(name)
        let exact = try logits(golden.model(), golden, pieces: [])
        let model = try VisionLanguageModel(directory: golden.directory, name: name, numberFormat: .bfloat16)
        // Whole, and token by token at the end: products of many rows, and of few.
        for pieces in [[], [exact.rows - 5, 1, 1]] {
            let rounded = try logits(model, golden, pieces: pieces)
            let scale = exact.elements.lazy.filter { $0 > -1e30 }.map(abs).max() ?? 0
            var worst: Float = 0
            for (x, y) in zip(exact.elements, rounded.elements) where x > -1e30 { worst = max(worst, abs(x - y)) }
            #expect(worst > 0 && worst <= 2 * NumberFormat.bfloat16.logitError * scale, "\(worst / scale)")
        }
    }

    @Test("the same pass in bfloat16 has the same bits again, and a stacked row those that it has alone")
    func repeatable() throws {
        let golden = try Golden("chameleon-tiny")
        let model = try VisionLanguageModel(directory: golden.directory, name: "tiny", numberFormat: .bfloat16)
        #expect(try logits(model, golden, pieces: [10]) == logits(model, golden, pieces: [10]))
        let decoder = model.decoder
        var base = KVCache(configuration: decoder.configuration)
        _ = try decoder.forward(decoder.embed(Array(5..<40)), cache: &base)
        let first = Array(repeating: base.count, count: decoder.configuration.layers)
        func rows(_ count: Int) throws -> [Matrix] {
            var stack = (0..<count).map { index in
                SequenceRows(decoder.embed([50 + index]), after: KVCache(sharing: base, first: first))
            }
            return try decoder.forward(&stack)
        }
        #expect(try Array(rows(12).prefix(3)) == rows(3))
    }
}
