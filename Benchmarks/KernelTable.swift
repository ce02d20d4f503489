import Foundation
import Numerics

/// What a linear layer's product takes here, and in the libraries by themselves on the same operands: the least of several
/// turns each, taken in alternation.
struct KernelTable {
    private let shapes = [(4096, 11_008), (2752, 1024), (1024, 1024)]
    private let rows = [1, 2, 4, 8, 9, 16, 32, 64, 256, 1024]
    private let turns = 15

    func print() {
        Swift.print(
            "oneDNN \(OneDNN.name), OpenBLAS \(OpenBLAS.version) \(OpenBLAS.kernel), \(Kernels.name), "
                + "\(Kernels.threads) threads; weights [out, in]; the least of \(turns)")
        Swift.print(
            "weight        rows  here ms  GB/s  GFLOP/s  oneDNN ms  packed ms  sgemm ms  oneDNN/here  packed/here")
        for (outputs, inner) in shapes {
            let weight = Self.matrix(outputs, inner)
            let rounded = BFloat16Matrix(rounding: weight)
            for rows in rows { line(rows, outputs, inner, weight, rounded) }
        }
    }

    private func line(_ rows: Int, _ outputs: Int, _ inner: Int, _ weight: Matrix, _ rounded: BFloat16Matrix) {
        let states = Self.matrix(rows, inner)
        let shape = LibraryProduct.Shape(rows: rows, outputs: outputs, inner: inner)
        let (plain, packed) = (LibraryProduct(shape), LibraryProduct(shape, packed: true))
        var times = [Double](repeating: .infinity, count: 4)
        for _ in 0..<turns {
            let turn = [
                seconds { _ = states.multiplied(byTransposed: .bfloat16(rounded)) },
                seconds { plain.run() }, seconds { packed.run() },
                rows <= 256 ? seconds { _ = states.multiplied(byTransposed: weight) } : .infinity,
            ]
            for index in times.indices { times[index] = min(times[index], turn[index]) }
        }
        let bytes = Double(outputs * inner * 2)
        let operations = 2 * Double(rows) * Double(outputs * inner)
        let columns: [(Int, String)] = [
            (13, "\(outputs)x\(inner)"), (5, "\(rows)"), (9, number(times[0] * 1e3, 3)),
            (6, number(bytes / times[0] * 1e-9, 1)), (9, number(operations / times[0] * 1e-9, 0)),
            (11, number(times[1] * 1e3, 3)), (11, number(times[2] * 1e3, 3)), (10, number(times[3] * 1e3, 3)),
            (13, number(times[1] / times[0], 2)), (13, number(times[2] / times[0], 2)),
        ]
        Swift.print(columns.map { String(repeating: " ", count: max(0, $0.0 - $0.1.count)) + $0.1 }.joined())
    }

    private func number(_ value: Double, _ digits: Int) -> String {
        value.isFinite ? String(format: "%.\(digits)f", value) : "-"
    }

    private func seconds(_ body: () -> Void) -> Double {
        let start = ContinuousClock.now
        body()
        return (ContinuousClock.now - start) / .seconds(1)
    }

    private static func matrix(_ rows: Int, _ columns: Int) -> Matrix {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        let elements = (0..<rows * columns).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Float(state >> 40) / Float(1 << 23) - 1
        }
        return Matrix(rows: rows, columns: columns, elements: elements)
    }
}
