import Numerics
import Testing

@Suite("Linear weights") struct LinearWeightTests {
    /// Elements of up to seven bits are bfloat16 values, and sums of 64 products of them are exact in float32.
    private func exact(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
        Matrix(
            rows: rows, columns: columns, elements: Numbers.list(rows * columns, seed: seed).map { ($0 * 60).rounded() }
        )
    }

    @Test(
        "a bfloat16 weight's product is the float32 one where rounding loses nothing, by either kernel",
        arguments: [1, 4, LinearWeight.fewRows, LinearWeight.fewRows + 1, 33])
    func exactProducts(rows: Int) {
        let (weight, states) = (exact(21, 64, seed: 41), exact(rows, 64, seed: 42))
        let product = states.multiplied(byTransposed: .bfloat16(BFloat16Matrix(rounding: weight)))
        #expect(product == states.multiplied(byTransposed: weight))
        #expect(product == states.multiplied(byTransposed: .float32(weight)))
    }

    @Test("a tiled product's row has the bits that it has alone, below the threshold and above it")
    func tiled() {
        let weight = LinearWeight.bfloat16(BFloat16Matrix(rounding: Numbers.matrix(70, 333, seed: 45)))
        let states = Numbers.matrix(40, 333, seed: 46)
        for count in [1, 7, LinearWeight.fewRows, LinearWeight.fewRows + 1, 40] {
            let product = states.rows(0..<count).multiplied(byTransposed: weight, rows: .tiled)
            for row in 0..<count {
                let alone = states.rows(row..<row + 1).multiplied(byTransposed: weight, rows: .tiled)
                #expect(alone.elements == Array(product.row(row)))
            }
        }
    }

    @Test(
        "rows that stand alone have the bits that they have in any product of many rows",
        arguments: [(70, 333), (1024, 1024), (96, 64)])
    func standingAlone(outputs: Int, inner: Int) {
        let weight = LinearWeight.bfloat16(BFloat16Matrix(rounding: Numbers.matrix(outputs, inner, seed: 47)))
        let states = Numbers.matrix(300, inner, seed: 48)
        let all = states.multiplied(byTransposed: weight, rows: .standAlone)
        for range in [0..<9, 5..<25, 100..<163, 40..<240] {
            let some = states.rows(range).multiplied(byTransposed: weight, rows: .standAlone)
            #expect(some == all.rows(range))
        }
        // A range of a larger matrix leaves the other rows as they are.
        var result = Matrix(rows: 300, columns: outputs, repeating: 5)
        var tiles = TileBuffers()
        states.multiply(20..<60, byTransposed: weight, rows: .standAlone, tiles: &tiles, into: &result)
        #expect(result.rows(20..<60) == all.rows(20..<60))
        #expect(result.row(19).allSatisfy { $0 == 5 } && result.row(60).allSatisfy { $0 == 5 })
    }

    @Test("the error of a product is that of rounding its operands", arguments: [3, 40])
    func error(rows: Int) {
        let (weight, states) = (Numbers.matrix(50, 700, seed: 43), Numbers.matrix(rows, 700, seed: 44))
        let expected = states.multiplied(byTransposed: weight)
        let product = states.multiplied(byTransposed: .bfloat16(BFloat16Matrix(rounding: weight)))
        let scale = expected.elements.map(abs).max() ?? 0
        let worst = zip(product.elements, expected.elements).map { abs($0 - $1) }.max() ?? 0
        // 2⁻⁹ an operand, over sums whose errors cancel.
        #expect(worst > 0 && worst < 4e-3 * scale)
    }

    @Test("a mapped weight is read where it is, also at an odd element, and kept alive")
    func mapped() {
        final class Owner: @unchecked Sendable {
            let start: UnsafeMutablePointer<UInt16>
            init() { start = .allocate(capacity: 1 + 12) }
            deinit { start.deallocate() }
        }
        var owner: Owner? = Owner()
        guard let start = owner?.start else { return }
        start.initialize(repeating: 0, count: 13)
        for index in 0..<12 { start[1 + index] = UInt16(Float(index).bitPattern >> 16) }
        let weight = LinearWeight.bfloat16(
            BFloat16Matrix(rows: 3, columns: 4, start: UnsafePointer(start + 1), owner: owner.unsafelyUnwrapped))
        weak let watched = owner
        owner = nil
        #expect(watched != nil)
        #expect(weight.rows([2, 0]).elements == [8, 9, 10, 11, 0, 1, 2, 3])
        let product = Matrix(rows: 1, columns: 4, elements: [1, 0, 0, 1]).multiplied(byTransposed: weight)
        #expect(product.elements == [3, 11, 19])
        #expect(
            weight
                == .bfloat16(BFloat16Matrix(rounding: Matrix(rows: 3, columns: 4, elements: (0..<12).map(Float.init)))))
    }

    @Test("libraries and kernels say what they are")
    func names() {
        #expect(OneDNN.name.first?.isNumber == true)
        #expect(!Kernels.name.isEmpty && Kernels.threads >= 1)
    }
}
