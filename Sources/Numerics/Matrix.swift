/// A dense matrix of `Float`, row-major: element `(r, c)` is `elements[r * columns + c]`.
///
/// A value: copies share storage until one of them is written.
package struct Matrix: Sendable, Equatable {
    package private(set) var rows: Int
    package private(set) var columns: Int
    /// The elements, `[rows, columns]`. Resized by ``reshape(rows:columns:)`` alone: its count stays `rows * columns`.
    package var elements: [Float]

    /// A matrix filled with one value.
    package init(rows: Int, columns: Int, repeating value: Float = 0) {
        precondition(rows >= 0 && columns >= 0, "a matrix has no negative extent")
        self.rows = rows
        self.columns = columns
        self.elements = [Float](repeating: value, count: rows * columns)
    }

    /// A matrix over elements that exist already, `[rows, columns]`.
    package init(rows: Int, columns: Int, elements: [Float]) {
        precondition(elements.count == rows * columns, "\(elements.count) elements do not make [\(rows), \(columns)]")
        self.rows = rows
        self.columns = columns
        self.elements = elements
    }

    /// Gives the matrix another shape, in the memory that it has where that is enough. The elements are then any.
    package mutating func reshape(rows: Int, columns: Int) {
        precondition(rows >= 0 && columns >= 0, "a matrix has no negative extent")
        let count = rows * columns
        if count > elements.capacity {
            // Not grown: what is there need not be copied.
            elements = [Float](repeating: 0, count: count)
        } else if count < elements.count {
            elements.removeLast(elements.count - count)
        } else if count > elements.count {
            elements.append(contentsOf: repeatElement(0, count: count - elements.count))
        }
        (self.rows, self.columns) = (rows, columns)
    }

    package subscript(row: Int, column: Int) -> Float {
        get { elements[offset(row, column)] }
        set { elements[offset(row, column)] = newValue }
    }

    private func offset(_ row: Int, _ column: Int) -> Int {
        precondition(row >= 0 && row < rows && column >= 0 && column < columns, "outside the matrix")
        return row * columns + column
    }

    /// Row `row`, without copying.
    package func row(_ row: Int) -> ArraySlice<Float> {
        precondition(row >= 0 && row < rows, "outside the matrix")
        return elements[row * columns..<(row + 1) * columns]
    }

    /// Overwrites row `row` with `values`, of which there must be `columns`.
    package mutating func setRow(_ row: Int, _ values: some Collection<Float>) {
        precondition(row >= 0 && row < rows && values.count == columns, "outside the matrix")
        var at = row * columns
        for value in values {
            elements[at] = value
            at += 1
        }
    }

    /// Overwrites the rows from `first` on with those of `other`, which has as many columns.
    package mutating func setRows(_ first: Int, _ other: Matrix) {
        precondition(other.columns == columns && first >= 0 && first + other.rows <= rows, "outside the matrix")
        let (start, count) = (first * columns, other.elements.count)
        elements.withUnsafeMutableBufferPointer { elements in
            other.elements.withUnsafeBufferPointer { other in
                // `count` elements lie in both, by the precondition.
                guard let target = elements.baseAddress, let source = other.baseAddress else { return }
                (target + start).update(from: source, count: count)
            }
        }
    }

    /// The rows in `range`, copied, `[range.count, columns]`.
    package func rows(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "outside the matrix")
        return Matrix(
            rows: range.count, columns: columns,
            elements: Array(elements[range.lowerBound * columns..<range.upperBound * columns]))
    }

    /// Rounds all elements of some rows to the nearest numbers that bfloat16 has.
    package mutating func roundToBFloat16(rows range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "outside the matrix")
        let columns = columns
        elements.withUnsafeMutableBufferPointer { elements in
            // The rows lie in the matrix.
            guard let start = elements.baseAddress else { return }
            Kernels.roundFloats(start + range.lowerBound * columns, count: range.count * columns)
        }
    }
}
