import CKernels

extension Matrix {
    /// `silu(self) · up`, element by element, where silu(x) = x · sigmoid(x): the gate of a Llama feed-forward block.
    ///
    /// `up` has the shape of `self`.
    package mutating func gateWithSiLU(_ up: Matrix) {
        precondition(rows == up.rows && columns == up.columns, "shapes differ")
        let count = elements.count
        elements.withUnsafeMutableBufferPointer { gate in
            up.elements.withUnsafeBufferPointer { up in
                // Equal shapes: both buffers hold `count` elements.
                guard let gate = gate.baseAddress, let up = up.baseAddress else { return }
                ckernels_swiglu(Kernels.level, count, gate, up)
            }
        }
    }
}
