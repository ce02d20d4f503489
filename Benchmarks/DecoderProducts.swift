import Foundation
import Numerics

/// The products of a decoder layer over a whole prompt: here, and in oneDNN by itself on the same shapes.
///
/// Attention's two products are measured in oneDNN alone, over all pairs of positions, because the library knows no causal
/// product; here they are part of one kernel.
struct DecoderProducts {
    let hidden: Int
    let intermediate: Int
    let heads: Int
    let rows: Int
    private let turns = 7

    init(hidden: Int, intermediate: Int, heads: Int, rows: Int) {
        self.hidden = hidden
        self.intermediate = intermediate
        self.heads = heads
        self.rows = rows
    }

    /// A line a product: how many a layer has, then the median seconds here, in oneDNN, and in oneDNN on packed weights.
    func print() {
        for (name, count, outputs, inner) in [
            ("projection", 4, hidden, hidden), ("gate", 2, intermediate, hidden), ("down", 1, hidden, intermediate),
        ] {
            linear(name, count, outputs, inner)
        }
        let size = hidden / heads
        attention("scores", .init(batch: heads, rows: rows, outputs: rows, inner: size))
        attention("mix", .init(batch: heads, rows: rows, outputs: size, inner: rows, transposed: false))
    }

    private func linear(_ name: String, _ count: Int, _ outputs: Int, _ inner: Int) {
        let states = Matrix(rows: rows, columns: inner, elements: .init(repeating: 0.01, count: rows * inner))
        let weight = BFloat16Matrix(
            rounding: Matrix(rows: outputs, columns: inner, elements: .init(repeating: 0.01, count: outputs * inner)))
        let shape = LibraryProduct.Shape(rows: rows, outputs: outputs, inner: inner)
        let (plain, packed) = (LibraryProduct(shape), LibraryProduct(shape, packed: true))
        let ways: [() -> Void] = [
            { _ = states.multiplied(byTransposed: .bfloat16(weight)) }, plain.run, packed.run,
        ]
        let times = medians(ways)
        Swift.print("product \(name) \(count) \(times[0]) \(times[1]) \(times[2])")
    }

    private func attention(_ name: String, _ shape: LibraryProduct.Shape) {
        let product = LibraryProduct(shape)
        Swift.print("attention \(name) 1 nan \(medians([product.run])[0]) nan")
    }

    /// After one turn that compiles kernels; the ways alternate.
    private func medians(_ ways: [() -> Void]) -> [Double] {
        var times = ways.map { _ in [Double]() }
        for turn in 0...turns {
            for (index, way) in ways.enumerated() {
                let start = ContinuousClock.now
                way()
                if turn > 0 { times[index].append((ContinuousClock.now - start) / .seconds(1)) }
            }
        }
        return times.map { $0.sorted()[turns / 2] }
    }
}
