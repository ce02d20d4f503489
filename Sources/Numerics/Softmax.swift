extension Matrix {
    /// Sets the entries that no row may see to `-infinity`: row `r` sees the first `firstVisible + r` keys.
    package mutating func hideLaterKeys(firstVisible: Int) {
        for row in 0..<rows {
            for column in min(columns, firstVisible + row)..<columns {
                elements[row * columns + column] = -.infinity
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
            guard let start = buffer.baseAddress else { return }
            for row in 0..<rows {
                // Row `row` is `columns` elements from here on, and `visible` is at most that.
                let row0 = start + row * columns
                let visible = min(columns, firstVisible + row)
                softmax(row0, count: visible)
                for column in visible..<columns { row0[column] = 0 }
            }
        }
    }
}

/// Softmax in place over `count` elements at `start`, which the caller guarantees to exist.
private func softmax(_ start: UnsafeMutablePointer<Float>, count: Int) {
    var largest = Lanes(repeating: -.infinity)
    var index = 0
    while index + 8 <= count {
        let lanes = start.lanes(index)
        largest = largest.replacing(with: lanes, where: lanes .> largest)
        index += 8
    }
    var maximum = largest.max()
    while index < count {
        if start[index] > maximum { maximum = start[index] }
        index += 1
    }
    guard maximum > -.infinity else {
        for index in 0..<count { start[index] = 0 }
        return
    }
    var sums = Lanes(repeating: 0)
    index = 0
    while index + 8 <= count {
        let powers = exponential(start.lanes(index) - maximum)
        sums += powers
        start.store(powers, index)
        index += 8
    }
    if index < count {
        let rest = count - index
        let powers = exponential(UnsafePointer(start).lanes(index, count: rest, fill: -.infinity) - maximum)
        sums += powers
        start.store(powers, index, count: rest)
    }
    let scale = 1 / sums.sum()
    for index in 0..<count { start[index] *= scale }
}
