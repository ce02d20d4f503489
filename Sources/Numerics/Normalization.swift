extension Matrix {
    /// Root-mean-square norm of every row: `x · rsqrt(mean(x²) + epsilon) · weight` (Zhang and Sennrich 2019).
    ///
    /// - Parameter weight: one factor a column.
    /// - Returns: `[rows, columns]`.
    package func rmsNormalized(weight: [Float], epsilon: Float) -> Matrix {
        precondition(weight.count == columns, "one weight a column")
        var result = self
        let (rows, columns) = (rows, columns)
        result.elements.withUnsafeMutableBufferPointer { buffer in
            weight.withUnsafeBufferPointer { weight in
                guard let start = buffer.baseAddress else { return }
                for row in 0..<rows {
                    // `columns` elements from here on, as many as there are weights.
                    let x = start + row * columns
                    let mean = sum(x, columns, fill: 0) { $0 * $0 } / Float(columns)
                    let scale = 1 / (mean + epsilon).squareRoot()
                    for column in 0..<columns { x[column] = x[column] * scale * weight[column] }
                }
            }
        }
        return result
    }

    /// Layer norm over each block of `size` columns by itself, then a factor and an offset for every column.
    ///
    /// The query and key norm of Chameleon: mean and population variance over one head, `weight` and `bias`
    /// `[heads * size]`, one row a head.
    package mutating func layerNormalizeHeads(size: Int, weight: [Float], bias: [Float], epsilon: Float) {
        precondition(size > 0 && columns % size == 0, "rows must divide into heads")
        precondition(weight.count == columns && bias.count == columns, "one weight and one bias a column")
        let (rows, heads, columns) = (rows, columns / size, columns)
        elements.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return }
            for row in 0..<rows {
                for head in 0..<heads {
                    // Block `head` of row `row`: `size` elements, inside the row because heads * size == columns.
                    let x = start + row * columns + head * size
                    let mean = sum(x, size, fill: 0) { $0 } / Float(size)
                    let variance = sum(x, size, fill: mean) { ($0 - mean) * ($0 - mean) } / Float(size)
                    let scale = 1 / (variance + epsilon).squareRoot()
                    for column in 0..<size {
                        let parameter = head * size + column
                        x[column] = (x[column] - mean) * scale * weight[parameter] + bias[parameter]
                    }
                }
            }
        }
    }
}

/// The sum of `term(x)` over the `count` elements at `start`, which the caller guarantees to exist, eight at a time.
///
/// - Parameter fill: a value whose term is 0, for the lanes after the last element.
@inline(__always)
func sum(_ start: UnsafeMutablePointer<Float>, _ count: Int, fill: Float, _ term: (Lanes) -> Lanes) -> Float {
    var sums = Lanes(repeating: 0)
    var index = 0
    while index + 8 <= count {
        sums += term(start.lanes(index))
        index += 8
    }
    if index < count { sums += term(UnsafePointer(start).lanes(index, count: count - index, fill: fill)) }
    return sums.sum()
}
