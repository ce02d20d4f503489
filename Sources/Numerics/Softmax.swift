import CKernels

extension Matrix {
    /// Sets the entries that no row may see to `-infinity`: row `r` sees the first `firstVisible + r` keys.
    package mutating func hideLaterKeys(firstVisible: Int) {
        let (rows, columns) = (rows, columns)
        elements.withUnsafeMutableBufferPointer { elements in
            for row in 0..<rows where firstVisible + row < columns {
                elements[row * columns + firstVisible + row..<(row + 1) * columns].update(repeating: -.infinity)
            }
        }
    }

    /// Turns attention scores into weights, row by row: softmax over the keys that row may see, 0 for the rest.
    ///
    /// Row `r` sees the first `firstVisible + r` keys (at most all). Entries at `-infinity` get weight 0, and a row
    /// with nothing else gets zeros. A row's sum runs over the keys that it sees and no others, so its bits
    /// do not depend on how many rows and later keys are computed with it.
    ///
    /// - Parameter firstVisible: how many keys row 0 sees; `columns` or more leaves nothing hidden.
    package mutating func softmaxRows(firstVisible: Int) {
        precondition(firstVisible >= 0, "a row cannot see fewer than no keys")
        let (rows, columns) = (rows, columns)
        elements.withUnsafeMutableBufferPointer { buffer in
            // rows * columns elements: a matrix's own invariant.
            guard let start = buffer.baseAddress else { return }
            ckernels_softmax(Kernels.level, rows, columns, min(firstVisible, columns), start)
        }
    }
}
