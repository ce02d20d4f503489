import CKernels
import Foundation
import Testing

/// Every instruction set that this processor has computes what the plain one computes.
@Suite("Kernels, one instruction set against another") struct KernelTests {
    private static let levels = [CKERNELS_PLAIN, CKERNELS_AVX2, CKERNELS_AVX512, CKERNELS_AVX512_BF16]
        .filter { $0.rawValue <= ckernels_supported().rawValue }.map(\.rawValue)

    private func bfloat16(_ numbers: [Float]) -> [UInt16] { numbers.map { UInt16($0.bitPattern >> 16) } }

    private func widened(_ bits: UInt16) -> Double { Double(Float(bitPattern: UInt32(bits) << 16)) }

    @Test(
        "a few-row product is the sum of products, and a sum's bits do not depend on its neighbours", arguments: levels)
    func fewRows(level: UInt32) {
        let level = ckernels_level(level)
        for (outputs, inner) in [(1, 1), (5, 7), (64, 64), (67, 333), (130, 1024)] {
            let weights = bfloat16(Numbers.list(outputs * inner, seed: 31))
            let states = Numbers.list(13 * inner, seed: 32)
            var alone = [Float](repeating: 0, count: 13 * outputs)
            for row in 0..<13 {
                states.withUnsafeBufferPointer { states in
                    alone.withUnsafeMutableBufferPointer { result in
                        ckernels_bf16_rows(
                            level, 1, outputs, inner, states.baseAddress! + row * inner, inner, weights,
                            result.baseAddress! + row * outputs, outputs)
                    }
                }
                for output in 0..<outputs {
                    let expected = (0..<inner).reduce(0.0) {
                        $0 + Double(states[row * inner + $1]) * widened(weights[output * inner + $1])
                    }
                    #expect(
                        abs(Double(alone[row * outputs + output]) - expected) < 2e-6 * Double(inner).squareRoot() + 1e-6
                    )
                }
            }
            for rows in 2...13 {
                var together = [Float](repeating: 0, count: rows * outputs)
                ckernels_bf16_rows(level, rows, outputs, inner, states, inner, weights, &together, outputs)
                #expect(together == Array(alone.prefix(rows * outputs)), "\(rows) rows of [\(outputs), \(inner)]")
            }
        }
    }

    @Test("rows may lie apart: what is between them is neither read nor written", arguments: levels)
    func strides(level: UInt32) {
        let weights = bfloat16(Numbers.list(6 * 40, seed: 33))
        let packed = Numbers.list(3 * 40, seed: 34)
        var apart = [Float](repeating: .nan, count: 3 * 50)
        for row in 0..<3 { for k in 0..<40 { apart[row * 50 + k] = packed[row * 40 + k] } }
        var expected = [Float](repeating: 0, count: 3 * 6)
        ckernels_bf16_rows(ckernels_level(level), 3, 6, 40, packed, 40, weights, &expected, 6)
        var result = [Float](repeating: 9, count: 3 * 8)
        ckernels_bf16_rows(ckernels_level(level), 3, 6, 40, apart, 50, weights, &result, 8)
        for row in 0..<3 {
            #expect(Array(result[row * 8..<row * 8 + 6]) == Array(expected[row * 6..<row * 6 + 6]))
            #expect(result[row * 8 + 6] == 9 && result[row * 8 + 7] == 9)
        }
    }

    @Test("rounding to bfloat16 goes to the nearest, ties to even, and keeps NaNs and infinities", arguments: levels)
    func rounding(level: UInt32) {
        let cases: [(Float, UInt16)] = [
            (1, 0x3F80), (Float(bitPattern: 0x3F80_8000), 0x3F80), (Float(bitPattern: 0x3F81_8000), 0x3F82),
            (Float(bitPattern: 0x3F80_8001), 0x3F81), (-0.0, 0x8000), (.infinity, 0x7F80), (-.infinity, 0xFF80),
            (.greatestFiniteMagnitude, 0x7F80),
        ]
        // Long enough that vectors and what is left after them are both met.
        let numbers = (0..<5).flatMap { _ in cases.map(\.0) } + [Float(bitPattern: 0x7F80_0001), .nan]
        var rounded = [UInt16](repeating: 0, count: numbers.count)
        ckernels_round_bf16(ckernels_level(level), numbers.count, numbers, &rounded)
        for (index, bits) in rounded.dropLast(2).enumerated() { #expect(bits == cases[index % cases.count].1) }
        for bits in rounded.suffix(2) { #expect(widened(bits).isNaN) }
        var wide = [Float](repeating: 9, count: rounded.count)
        ckernels_widen_bf16(ckernels_level(level), rounded.count, rounded, &wide)
        for (float, bits) in zip(wide, rounded) { #expect(float.bitPattern == UInt32(bits) << 16) }
    }

    @Test("activations, norms, rotation and softmax agree with the plain ones for every length", arguments: levels)
    func elementwise(level: UInt32) {
        let (plain, level) = (CKERNELS_PLAIN, ckernels_level(level))
        for columns in [4, 6, 16, 30, 64, 1050] {
            let rows = 40
            let (x, y) = (
                Numbers.list(rows * columns, seed: 35).map { $0 * 8 }, Numbers.list(rows * columns, seed: 36)
            )
            let (weight, bias) = (Numbers.list(columns, seed: 37), Numbers.list(columns, seed: 38))
            func compare(_ name: String, _ function: (ckernels_level, inout [Float]) -> Void) {
                var (expected, result) = (x, x)
                function(plain, &expected)
                function(level, &result)
                let scale = expected.map(abs).max() ?? 0
                let worst = zip(expected, result).map { abs($0 - $1) }.max() ?? .infinity
                #expect(worst <= 2e-6 * scale, "\(name) of \(columns) columns")
            }
            compare("gate") { ckernels_swiglu($0, rows * columns, &$1, y) }
            compare("sum") { ckernels_add($0, rows * columns, &$1, y) }
            compare("rms norm") { level, x in
                var normed = x
                ckernels_rms_norm(level, rows, columns, x, weight, 1e-5, &normed)
                x = normed
            }
            compare("head norm") { ckernels_head_norm($0, rows, columns, columns / 2, &$1, weight, bias, 1e-5) }
            compare("rotation") { ckernels_rotate($0, rows, columns, columns / 2 / 2 * 2, &$1, y) }
            compare("softmax") { ckernels_softmax($0, rows, columns, 1, &$1) }
        }
    }

    @Test("attention agrees with the plain one for every head size and number of rows", arguments: levels)
    func attention(level: UInt32) {
        for (rows, size) in [(1, 4), (5, 20), (8, 64), (9, 64), (23, 72), (70, 128)] {
            let (heads, before) = (2, 11)
            let count = before + rows
            let queries = Numbers.list(rows * heads * size, seed: 61).map { $0 * 3 }
            let (keys, values) = (Numbers.list(count * size, seed: 62), Numbers.list(count * size, seed: 63))
            func mixed(_ level: ckernels_level) -> [Float] {
                var output = [Float](repeating: .nan, count: rows * heads * size)
                keys.withUnsafeBufferPointer { keys in
                    values.withUnsafeBufferPointer { values in
                        let segments = [
                            ckernels_segment(keys: keys.baseAddress, values: values.baseAddress, count: 5),
                            ckernels_segment(
                                keys: keys.baseAddress! + 5 * size, values: values.baseAddress! + 5 * size,
                                count: count - 5),
                        ]
                        segments.withUnsafeBufferPointer { segments in
                            queries.withUnsafeBufferPointer { queries in
                                output.withUnsafeMutableBufferPointer { output in
                                    var sequence = ckernels_sequence(
                                        rows: rows, visible: before + 1, queries: queries.baseAddress,
                                        output: output.baseAddress, segments: segments.baseAddress,
                                        segment_count: 2, cuts: nil, cut_count: 0)
                                    var shape = ckernels_heads(
                                        heads: heads, kv_heads: 1, size: size, format: CKERNELS_FLOAT32)
                                    ckernels_attend(level, &shape, 1, &sequence)
                                }
                            }
                        }
                    }
                }
                return output
            }
            let (expected, result) = (mixed(CKERNELS_PLAIN), mixed(ckernels_level(level)))
            let worst = zip(expected, result).map { abs($0 - $1) }.max() ?? .infinity
            #expect(worst < 2e-6, "\(rows) rows, heads of \(size)")
        }
    }

    @Test(
        "exponentials of logits are the library's to a few units in the last place, whatever their number",
        arguments: levels)
    func exponentials(level: UInt32) {
        for count in [1, 7, 8, 2048, 2051, 9000] {
            let logits = Numbers.list(count, seed: 35).map { $0 * 40 } + [-800, -.greatestFiniteMagnitude]
            let peak = Double(logits.max() ?? 0)
            var weights = [Double](repeating: -1, count: logits.count)
            let sum = ckernels_exponentials(ckernels_level(level), logits.count, logits, peak, &weights)
            for (logit, weight) in zip(logits, weights) {
                let expected = exp(Double(logit) - peak)
                #expect(abs(weight - expected) <= 1e-15 * expected)
            }
            let total = weights.reduce(0, +)
            #expect(abs(sum - total) <= 1e-13 * total)
            #expect(ckernels_exponentials(ckernels_level(level), logits.count, logits, peak, nil) == sum)
        }
    }

    @Test("work that is shared is done once each")
    func team() {
        final class Counts: @unchecked Sendable { var counts = [Int32](repeating: 0, count: 1000) }
        let counts = Counts()
        counts.counts.withUnsafeMutableBufferPointer { buffer in
            ckernels_parallel(buffer.count, buffer.baseAddress) { context, index in
                context!.assumingMemoryBound(to: Int32.self)[index] += 1
            }
        }
        #expect(counts.counts.allSatisfy { $0 == 1 })
        #expect(ckernels_threads() >= 1)
    }
}
