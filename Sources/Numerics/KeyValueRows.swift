/// Rows of keys or values as a cache keeps them: in the number format that the model's weights have.
///
/// Attention reads them as they are kept. So whoever reads them, in whatever kernel and however often, reads the same
/// numbers.
package enum KeyValueRows: Sendable {
    case float32([Float])
    /// Rounded to the nearest, ties to even.
    case bfloat16([UInt16])

    /// How many elements there are.
    package var count: Int {
        switch self {
        case .float32(let elements): elements.count
        case .bfloat16(let elements): elements.count
        }
    }

    package var isEmpty: Bool { count == 0 }

    /// The bytes of the elements.
    package var byteCount: Int {
        switch self {
        case .float32(let elements): elements.count * MemoryLayout<Float>.stride
        case .bfloat16(let elements): elements.count * MemoryLayout<UInt16>.stride
        }
    }

    /// Whether an element takes two bytes.
    package var isBFloat16: Bool {
        switch self {
        case .float32: false
        case .bfloat16: true
        }
    }

    /// No rows, in the same format.
    package var emptied: KeyValueRows {
        switch self {
        case .float32: .float32([])
        case .bfloat16: .bfloat16([])
        }
    }

    /// Adds rows at the end, rounded where the format asks for it. Growth is amortised.
    package mutating func append(_ rows: ArraySlice<Float>) {
        switch self {
        case .float32(var elements):
            // The only reference is `elements` now, so it grows in place.
            self = .float32([])
            elements.append(contentsOf: rows)
            self = .float32(elements)
        case .bfloat16(var elements):
            self = .bfloat16([])
            let rounded = [UInt16](unsafeUninitializedCapacity: rows.count) { target, count in
                count = rows.count
                rows.withUnsafeBufferPointer { source in
                    // Both hold `rows.count` elements.
                    guard let source = source.baseAddress, let target = target.baseAddress else { return }
                    Kernels.roundToBFloat16(source, count: rows.count, into: target)
                }
            }
            if elements.isEmpty { elements = rounded } else { elements.append(contentsOf: rounded) }
            self = .bfloat16(elements)
        }
    }

    /// Drops the last `count` elements, of which there are as many.
    package mutating func removeLast(_ count: Int) {
        switch self {
        case .float32(var elements):
            self = .float32([])
            elements.removeLast(count)
            self = .float32(elements)
        case .bfloat16(var elements):
            self = .bfloat16([])
            elements.removeLast(count)
            self = .bfloat16(elements)
        }
    }

    /// The same numbers in float32.
    package var widened: KeyValueRows {
        guard case .bfloat16(let elements) = self else { return self }
        return .float32(
            [Float](unsafeUninitializedCapacity: elements.count) { target, count in
                count = elements.count
                elements.withUnsafeBufferPointer { source in
                    // Both hold `elements.count` elements.
                    guard let source = source.baseAddress, let target = target.baseAddress else { return }
                    Kernels.widenBFloat16(source, count: elements.count, into: target)
                }
            })
    }

    /// Whether the elements are the same ones in memory.
    package func isSameStorage(as other: KeyValueRows) -> Bool {
        withUnsafeStart { start in other.withUnsafeStart { start == $0 } } && count == other.count
            && isBFloat16 == other.isBFloat16
    }

    /// Calls `body` with where the elements are, `nil` where there are none.
    func withUnsafeStart<Result>(_ body: (UnsafeRawPointer?) throws -> Result) rethrows -> Result {
        switch self {
        case .float32(let elements):
            try elements.withUnsafeBufferPointer { try body($0.baseAddress.map { UnsafeRawPointer($0) }) }
        case .bfloat16(let elements):
            try elements.withUnsafeBufferPointer { try body($0.baseAddress.map { UnsafeRawPointer($0) }) }
        }
    }
}
