/// The weight of a linear layer, `[out, in]`, in the number format that its model is computed in.
package enum LinearWeight: Sendable, Equatable {
    case float32(Matrix)
    case bfloat16(BFloat16Matrix)

    /// Outputs.
    package var rows: Int {
        switch self {
        case .float32(let matrix): matrix.rows
        case .bfloat16(let matrix): matrix.rows
        }
    }

    /// Inputs.
    package var columns: Int {
        switch self {
        case .float32(let matrix): matrix.columns
        case .bfloat16(let matrix): matrix.columns
        }
    }

    /// Some rows as float32, `[indices.count, columns]`: embeddings, where the weight is one.
    package func rows(_ indices: [Int]) -> Matrix {
        switch self {
        case .float32(let matrix):
            Matrix(rows: indices.count, columns: columns, elements: indices.flatMap { matrix.row($0) })
        case .bfloat16(let matrix): matrix.rows(indices)
        }
    }
}

extension LinearWeight {
    /// Products of bfloat16 weights with at most this many rows of activations read the weights once at memory speed and
    /// leave the activations in float32; from the next row on oneDNN is faster, which rounds them to bfloat16.
    ///
    /// Fixed, because a row's low bits differ on the two sides of it: how many rows a product has follows from the request
    /// alone, so the same request meets the same products (docs/numerics.md has the measurements).
    package static let fewRows = 8
}

extension Matrix {
    /// `self · weightᵀ`: what a linear layer without bias does to rows.
    ///
    /// - Parameter weight: `[out, in]`; `self` is `[rows, in]`.
    /// - Returns: `[rows, out]`.
    package func multiplied(byTransposed weight: LinearWeight, rows grouping: ProductRows = .together) -> Matrix {
        switch weight {
        case .float32(let weight): multiplied(byTransposed: weight, rows: grouping)
        case .bfloat16(let weight): multiplied(byTransposed: weight, grouping)
        }
    }

    private func multiplied(byTransposed weight: BFloat16Matrix, _ grouping: ProductRows) -> Matrix {
        precondition(columns == weight.columns, "shapes differ")
        let (rows, inner, outputs) = (rows, columns, weight.rows)
        let elements = [Float](unsafeUninitializedCapacity: rows * outputs) { result, count in
            count = rows * outputs
            self.elements.withUnsafeBufferPointer { states in
                // `states` holds rows * inner elements, the weight outputs * inner, and `result` has room for
                // rows * outputs, all of which either product writes. `weight` is alive until this returns.
                guard let states = states.baseAddress, let result = result.baseAddress else { return }
                let isDone =
                    grouping == .together && rows > LinearWeight.fewRows
                    && OneDNN.multiply(
                        states, by: weight.start, into: result, rows: rows, outputs: outputs, inner: inner)
                if !isDone {
                    Kernels.multiply(
                        states, by: weight.start, into: result, rows: rows, outputs: outputs, inner: inner)
                }
            }
        }
        return withExtendedLifetime(weight) { Matrix(rows: rows, columns: outputs, elements: elements) }
    }
}
