/// A matrix of bfloat16 weights, row-major, immutable: in memory of its own, or where a checkpoint file is mapped.
package struct BFloat16Matrix: Sendable {
    package let rows: Int
    package let columns: Int
    private let storage: Storage

    /// Elements and whoever keeps them alive.
    ///
    /// `@unchecked Sendable`: the elements are never written after `init`.
    private final class Storage: @unchecked Sendable {
        let start: UnsafePointer<UInt16>
        private let owner: (any AnyObject & Sendable)?

        init(start: UnsafePointer<UInt16>, owner: any AnyObject & Sendable) {
            self.start = start
            self.owner = owner
        }

        init(count: Int, _ fill: (UnsafeMutablePointer<UInt16>) -> Void) {
            let start = UnsafeMutablePointer<UInt16>.allocate(capacity: max(1, count))
            fill(start)
            self.start = UnsafePointer(start)
            owner = nil
        }

        deinit { if owner == nil { start.deallocate() } }
    }

    /// A matrix over `rows * columns` elements that exist as long as `owner` does and do not change.
    package init(rows: Int, columns: Int, start: UnsafePointer<UInt16>, owner: any AnyObject & Sendable) {
        precondition(rows >= 0 && columns >= 0, "a matrix has no negative extent")
        self.rows = rows
        self.columns = columns
        storage = Storage(start: start, owner: owner)
    }

    /// A float32 matrix rounded to the nearest, ties to even.
    package init(rounding matrix: Matrix) {
        rows = matrix.rows
        columns = matrix.columns
        let count = rows * columns
        storage = Storage(count: count) { target in
            matrix.elements.withUnsafeBufferPointer { source in
                // Both hold `count` elements.
                guard let source = source.baseAddress else { return }
                Kernels.roundToBFloat16(source, count: count, into: target)
            }
        }
    }

    /// Where the elements are; alive as long as a copy of this matrix is.
    var start: UnsafePointer<UInt16> { storage.start }

    /// Some rows, widened, `[indices.count, columns]`.
    package func rows(_ indices: [Int]) -> Matrix {
        precondition(indices.allSatisfy { $0 >= 0 && $0 < rows }, "outside the matrix")
        let columns = columns
        let elements = [Float](unsafeUninitializedCapacity: indices.count * columns) { target, count in
            count = indices.count * columns
            // Rows inside by the precondition, to places of as many elements.
            guard var next = target.baseAddress else { return }
            for index in indices {
                Kernels.widenBFloat16(start + index * columns, count: columns, into: next)
                next += columns
            }
        }
        return Matrix(rows: indices.count, columns: columns, elements: elements)
    }
}

extension BFloat16Matrix: Equatable {
    package static func == (left: Self, right: Self) -> Bool {
        guard left.rows == right.rows, left.columns == right.columns else { return false }
        if left.start == right.start { return true }
        let count = left.rows * left.columns
        // Equal shapes: `count` elements each.
        return UnsafeBufferPointer(start: left.start, count: count)
            .elementsEqual(UnsafeBufferPointer(start: right.start, count: count))
    }
}
