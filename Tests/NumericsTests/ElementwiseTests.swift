import Foundation
import Numerics
import Testing

@Suite("Elementwise functions and norms") struct ElementwiseTests {
    // A difference of 40 has a spacing of 4e-6 in single precision, and the exponential carries it on.
    @Test("softmax weights are those of a double-precision softmax, for every length")
    func softmax() {
        for columns in [1, 7, 8, 9, 31, 1050] {
            let numbers = Numbers.list(2 * columns, seed: 11).map { $0 * 20 }
            var matrix = Matrix(rows: 2, columns: columns, elements: numbers)
            let scores = matrix
            matrix.softmaxRows(firstVisible: columns)
            for row in 0..<2 {
                let values = scores.row(row).map(Double.init)
                let largest = values.max() ?? 0
                let total = values.reduce(0) { $0 + exp($1 - largest) }
                for (weight, value) in zip(matrix.row(row), values) {
                    let expected = exp(value - largest) / total
                    #expect(abs(Double(weight) - expected) <= 4e-6 * expected)
                }
            }
        }
    }

    @Test("a row sees its own keys only, with the same bits whatever stands behind them")
    func causal() {
        var wide = Numbers.matrix(4, 13, seed: 12)
        var narrow = Matrix(rows: 1, columns: 11)
        narrow.setRow(0, wide.row(2).prefix(11))
        wide.softmaxRows(firstVisible: 9)
        narrow.softmaxRows(firstVisible: 11)
        #expect(Array(wide.row(2).prefix(11)) == Array(narrow.row(0)))
        #expect(wide[0, 9] == 0 && wide[2, 11] == 0 && wide[2, 12] == 0)
        #expect(abs(wide.row(0).reduce(0, +) - 1) < 1e-6)
    }

    @Test("masked keys weigh nothing, and a row without keys is zero rather than not a number")
    func masked() {
        var matrix = Numbers.matrix(2, 20, seed: 13)
        matrix[0, 3] = -.infinity
        for column in 0..<20 { matrix[1, column] = -.infinity }
        matrix.softmaxRows(firstVisible: 20)
        #expect(matrix[0, 3] == 0)
        #expect(abs(matrix.row(0).reduce(0, +) - 1) < 1e-6)
        #expect(matrix.row(1).allSatisfy { $0 == 0 })
    }

    @Test("later keys are hidden from the rows before them")
    func hidden() {
        var matrix = Matrix(rows: 3, columns: 4)
        matrix.hideLaterKeys(firstVisible: 2)
        #expect(Array(matrix.row(0)) == [0, 0, -.infinity, -.infinity])
        #expect(Array(matrix.row(1)) == [0, 0, 0, -.infinity])
        #expect(Array(matrix.row(2)) == [0, 0, 0, 0])
    }

    @Test("the gate is silu(gate) times up, also at the ends of the range")
    func gate() {
        let inputs: [Float] = [-1000, -100, -88, -20, -1, -1e-6, 0, 1e-6, 0.5, 3, 40, 90, 1000]
        var gate = Matrix(rows: 1, columns: inputs.count, elements: inputs)
        gate.gateWithSiLU(Matrix(rows: 1, columns: inputs.count, repeating: 2))
        for (value, input) in zip(gate.elements, inputs) {
            let expected = 2 * Double(input) / (1 + exp(-Double(input)))
            #expect(abs(Double(value) - expected) <= 1e-6 * abs(expected) + 1e-30)
        }
    }

    @Test("the root-mean-square norm agrees with its formula")
    func rms() {
        let matrix = Numbers.matrix(3, 21, seed: 14)
        let weight = Numbers.list(21, seed: 15)
        let normed = matrix.rmsNormalized(weight: weight, epsilon: 1e-5)
        for row in 0..<3 {
            let mean = matrix.row(row).reduce(0.0) { $0 + Double($1) * Double($1) } / 21
            for column in 0..<21 {
                let expected = Double(matrix[row, column]) / (mean + 1e-5).squareRoot() * Double(weight[column])
                #expect(abs(Double(normed[row, column]) - expected) < 1e-5)
            }
        }
    }

    @Test("layer norm of heads treats every head by itself, with its own weights")
    func headNorm() {
        var matrix = Numbers.matrix(2, 30, seed: 16)
        let original = matrix
        let (weight, bias) = (Numbers.list(30, seed: 17), Numbers.list(30, seed: 18))
        matrix.layerNormalizeHeads(size: 10, weight: weight, bias: bias, epsilon: 1e-5)
        for row in 0..<2 {
            for head in 0..<3 {
                let values = (0..<10).map { Double(original[row, head * 10 + $0]) }
                let mean = values.reduce(0, +) / 10
                let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 10
                for column in 0..<10 {
                    let at = head * 10 + column
                    let expected =
                        (values[column] - mean) / (variance + 1e-5).squareRoot() * Double(weight[at]) + Double(bias[at])
                    #expect(abs(Double(matrix[row, at]) - expected) < 1e-5)
                }
            }
        }
    }

    @Test("rotation turns pairs half a head apart by position and frequency, and position 0 stays")
    func rotary() {
        let rotary = RotaryEmbedding(headSize: 4, base: 100)
        #expect(rotary.frequencies == [1, 0.1])
        var states = Numbers.matrix(3, 8, seed: 19)
        let original = states
        rotary.rotate(&states, from: 0)
        #expect(Array(states.row(0)) == Array(original.row(0)))
        for head in 0..<2 {
            for pair in 0..<2 {
                let angle = 2 * [1.0, 0.1][pair]
                let (x, y) = (Double(original[2, head * 4 + pair]), Double(original[2, head * 4 + pair + 2]))
                #expect(abs(Double(states[2, head * 4 + pair]) - (x * cos(angle) - y * sin(angle))) < 1e-6)
                #expect(abs(Double(states[2, head * 4 + pair + 2]) - (y * cos(angle) + x * sin(angle))) < 1e-6)
            }
        }
        var later = Matrix(rows: 1, columns: 8, elements: Array(original.row(2)))
        rotary.rotate(&later, from: 2)
        #expect(Array(later.row(0)) == Array(states.row(2)))
    }
}
