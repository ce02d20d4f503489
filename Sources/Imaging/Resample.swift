import Foundation

/// The filters of Pillow's `resize`, by its own numbers.
package enum ResampleFilter: Int, Sendable, CaseIterable {
    case lanczos = 1
    case bilinear = 2
    case bicubic = 3

    /// How far the filter reaches, in pixels of the coarser grid.
    var radius: Double {
        switch self {
        case .lanczos: 3
        case .bilinear: 1
        case .bicubic: 2
        }
    }

    /// The filter's weight at distance `x`.
    func weight(_ x: Double) -> Double {
        switch self {
        case .bilinear: return max(0, 1 - abs(x))
        case .bicubic:
            // Keys' cubic with a = -1/2.
            let a = -0.5
            let x = abs(x)
            if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
            return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
        case .lanczos:
            guard x >= -3, x < 3 else { return 0 }
            return Self.sinc(x) * Self.sinc(x / 3)
        }
    }

    private static func sinc(_ x: Double) -> Double {
        x == 0 ? 1 : sin(x * .pi) / (x * .pi)
    }
}

/// The weights of one axis: for each output position, where its input pixels begin and their weights in fixed point.
///
/// Pillow's arithmetic: weights are computed and normalised in double precision, then rounded to 22 fractional bits.
struct ResampleWeights {
    static let fractionBits: Int32 = 22

    /// The first input position of each output position, and how many there are.
    private(set) var starts: [Int] = []
    private(set) var counts: [Int] = []
    /// The weights, `taps` a position; unused ones are 0.
    private(set) var weights: [Int32] = []
    let taps: Int

    /// Weights from `input` to `output` pixels, for the output positions in `window` only.
    init(from input: Int, to output: Int, window: Range<Int>, filter: ResampleFilter) {
        let scale = Double(input) / Double(output)
        let stretch = max(scale, 1)
        let support = filter.radius * stretch
        taps = min(input, Int(support.rounded(.up)) * 2 + 1)
        starts.reserveCapacity(window.count)
        weights.reserveCapacity(window.count * taps)
        var row: [Double] = []
        for position in window {
            let centre = (Double(position) + 0.5) * scale
            let low = max(0, Int(centre - support + 0.5))
            let high = min(input, Int(centre + support + 0.5))
            row.removeAll(keepingCapacity: true)
            for offset in 0..<max(0, high - low) {
                row.append(filter.weight((Double(offset + low) - centre + 0.5) * (1 / stretch)))
            }
            let sum = row.reduce(0, +)
            starts.append(low)
            counts.append(row.count)
            for weight in row {
                let scaled = (sum != 0 ? weight / sum : weight) * Double(1 << Self.fractionBits)
                weights.append(Int32(scaled < 0 ? scaled - 0.5 : scaled + 0.5))
            }
            weights.append(contentsOf: repeatElement(0, count: taps - row.count))
        }
    }

    /// The input positions that are read for any output position.
    var reach: Range<Int> {
        let end = zip(starts, counts).map(+).max() ?? 0
        return (starts.min() ?? 0)..<end
    }
}

extension Picture {
    /// The picture scaled to `width` × `height`, or the part of that in `columns` and `rows`: bit for bit what Pillow's
    /// `resize` gives for 8-bit images.
    ///
    /// Rows are scaled first and rounded to 8 bits, then columns; an axis that keeps its length is left alone. Only
    /// what the wanted part needs is computed, so a thin picture scaled to an enormous one costs no more than its crop.
    package func resized(
        width newWidth: Int, height newHeight: Int, columns: Range<Int>? = nil, rows: Range<Int>? = nil,
        filter: ResampleFilter
    ) -> Picture {
        let columns = columns ?? 0..<newWidth
        let rows = rows ?? 0..<newHeight
        precondition(
            columns.lowerBound >= 0 && columns.upperBound <= newWidth && !columns.isEmpty && rows.lowerBound >= 0
                && rows.upperBound <= newHeight && !rows.isEmpty, "a part of the scaled picture")
        let vertical =
            newHeight == height
            ? nil : ResampleWeights(from: height, to: newHeight, window: rows, filter: filter)
        let needed = vertical?.reach ?? rows
        let horizontal =
            newWidth == width ? nil : ResampleWeights(from: width, to: newWidth, window: columns, filter: filter)
        let wide = horizontal.map { scaleRows(needed, by: $0) } ?? cropped(columns: columns, rows: needed)
        guard let vertical else { return Picture(width: columns.count, height: rows.count, pixels: wide) }
        let tall = Self.scaleColumns(of: wide, stride: columns.count * 3, firstRow: needed.lowerBound, by: vertical)
        return Picture(width: columns.count, height: rows.count, pixels: tall)
    }

    /// The pixels of a part of the picture.
    private func cropped(columns: Range<Int>, rows: Range<Int>) -> [UInt8] {
        var part: [UInt8] = []
        part.reserveCapacity(columns.count * rows.count * 3)
        for row in rows {
            part += pixels[(row * width + columns.lowerBound) * 3..<(row * width + columns.upperBound) * 3]
        }
        return part
    }

    /// Rounds a fixed-point sum to a byte.
    @inline(__always)
    private static func clip(_ sum: Int32) -> UInt8 {
        UInt8(truncatingIfNeeded: max(0, min(255, sum >> ResampleWeights.fractionBits)))
    }

    private static var half: Int32 { 1 << (ResampleWeights.fractionBits - 1) }

    private func scaleRows(_ rows: Range<Int>, by table: ResampleWeights) -> [UInt8] {
        let outputs = table.starts.count
        let stride = width * 3
        return [UInt8](unsafeUninitializedCapacity: rows.count * outputs * 3) { target, written in
            pixels.withUnsafeBufferPointer { pixels in
                table.weights.withUnsafeBufferPointer { weights in
                    var at = 0
                    for row in rows {
                        for output in 0..<outputs {
                            // In range: `starts + counts` ends within the row, as the table was made for this width.
                            var source = row &* stride &+ table.starts[output] &* 3
                            let first = output &* table.taps
                            var (red, green, blue) = (Self.half, Self.half, Self.half)
                            for tap in first..<first &+ table.counts[output] {
                                let weight = weights[tap]
                                red &+= Int32(pixels[source]) &* weight
                                green &+= Int32(pixels[source &+ 1]) &* weight
                                blue &+= Int32(pixels[source &+ 2]) &* weight
                                source &+= 3
                            }
                            target[at] = Self.clip(red)
                            target[at &+ 1] = Self.clip(green)
                            target[at &+ 2] = Self.clip(blue)
                            at &+= 3
                        }
                    }
                    written = at
                }
            }
        }
    }

    /// `source` holds rows of `stride` bytes, the first of them being row `firstRow` of the table's input.
    private static func scaleColumns(
        of source: [UInt8], stride: Int, firstRow: Int, by table: ResampleWeights
    ) -> [UInt8] {
        let outputs = table.starts.count
        var sums = [Int32](repeating: 0, count: stride)
        return [UInt8](unsafeUninitializedCapacity: outputs * stride) { target, written in
            source.withUnsafeBufferPointer { source in
                sums.withUnsafeMutableBufferPointer { sums in
                    for output in 0..<outputs {
                        for column in 0..<stride { sums[column] = half }
                        for tap in 0..<table.counts[output] {
                            let weight = table.weights[output * table.taps + tap]
                            let row = (table.starts[output] + tap - firstRow) * stride
                            for column in 0..<stride {
                                sums[column] &+= Int32(source[row &+ column]) &* weight
                            }
                        }
                        for column in 0..<stride { target[output &* stride &+ column] = clip(sums[column]) }
                    }
                    written = outputs * stride
                }
            }
        }
    }
}
