import CKernels

extension Matrix {
    /// Root-mean-square norm of every row: `x · rsqrt(mean(x²) + epsilon) · weight` (Zhang and Sennrich 2019).
    ///
    /// - Parameter weight: one factor a column.
    /// - Returns: `[rows, columns]`.
    package func rmsNormalized(weight: [Float], epsilon: Float) -> Matrix {
        var result = Matrix(rows: 0, columns: 0)
        normalize(weight: weight, epsilon: epsilon, into: &result)
        return result
    }

    /// ``rmsNormalized(weight:epsilon:)`` in memory that is there.
    package func normalize(weight: [Float], epsilon: Float, into result: inout Matrix) {
        precondition(weight.count == columns, "one weight a column")
        result.reshape(rows: rows, columns: columns)
        let (rows, columns) = (rows, columns)
        result.elements.withUnsafeMutableBufferPointer { result in
            elements.withUnsafeBufferPointer { states in
                weight.withUnsafeBufferPointer { weight in
                    // rows * columns states and as many results; `columns` weights.
                    guard let states = states.baseAddress, let weight = weight.baseAddress,
                        let result = result.baseAddress
                    else { return }
                    ckernels_rms_norm(Kernels.level, rows, columns, states, weight, epsilon, result)
                }
            }
        }
    }

    /// Root-mean-square norm of every row, in place.
    package mutating func rmsNormalize(weight: [Float], epsilon: Float) {
        precondition(weight.count == columns, "one weight a column")
        let (rows, columns) = (rows, columns)
        elements.withUnsafeMutableBufferPointer { states in
            weight.withUnsafeBufferPointer { weight in
                // As above; the kernel takes the same rows for both.
                guard let states = states.baseAddress, let weight = weight.baseAddress else { return }
                ckernels_rms_norm(Kernels.level, rows, columns, states, weight, epsilon, states)
            }
        }
    }

    /// Layer norm over each block of `size` columns by itself, then a factor and an offset for every column.
    ///
    /// The query and key norm of Chameleon: mean and population variance over one head, `weight` and `bias`
    /// `[heads * size]`, one row a head.
    package mutating func layerNormalizeHeads(size: Int, weight: [Float], bias: [Float], epsilon: Float) {
        precondition(size > 0 && columns % size == 0, "rows must divide into heads")
        precondition(weight.count == columns && bias.count == columns, "one weight and one bias a column")
        let (rows, columns) = (rows, columns)
        elements.withUnsafeMutableBufferPointer { states in
            weight.withUnsafeBufferPointer { weight in
                bias.withUnsafeBufferPointer { bias in
                    // Shapes were checked: rows * columns states, `columns` weights and biases, whole heads.
                    guard let states = states.baseAddress, let weight = weight.baseAddress,
                        let bias = bias.baseAddress
                    else { return }
                    ckernels_head_norm(Kernels.level, rows, columns, size, states, weight, bias, epsilon)
                }
            }
        }
    }
}
