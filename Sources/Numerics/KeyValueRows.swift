/// Rows of keys or values as a cache keeps them: in the number format that the model's weights have.
///
/// Attention reads them as they are kept. So whoever reads them, in whatever kernel and however often, reads the same
/// numbers. A value: copies share storage until one of them grows or shrinks.
package struct KeyValueRows: Sendable {
    /// Whether an element takes two bytes.
    package let isBFloat16: Bool
    private var storage: Storage

    /// Elements in memory of their own, with room for more.
    ///
    /// `@unchecked Sendable`: they are written only by a ``KeyValueRows`` that holds the one reference to them.
    private final class Storage: @unchecked Sendable {
        let start: UnsafeMutableRawPointer
        let capacity: Int
        var count: Int

        /// - Parameter capacity: in bytes, as `count`.
        init(capacity: Int, copying rows: UnsafeRawPointer? = nil, count: Int = 0) {
            start = .allocate(byteCount: max(1, capacity), alignment: 64)
            self.capacity = capacity
            self.count = count
            if let rows { start.copyMemory(from: rows, byteCount: count) }
        }

        deinit { start.deallocate() }
    }

    /// No rows.
    package init(inBFloat16 isBFloat16: Bool) {
        self.isBFloat16 = isBFloat16
        storage = Storage(capacity: 0)
    }

    /// Rows in float32, as they are.
    package init(_ elements: [Float]) {
        isBFloat16 = false
        storage = Storage(capacity: 0)
        append(elements[...])
    }

    private var elementBytes: Int { isBFloat16 ? MemoryLayout<UInt16>.stride : MemoryLayout<Float>.stride }

    /// How many elements there are.
    package var count: Int { storage.count / elementBytes }

    package var isEmpty: Bool { storage.count == 0 }

    /// The bytes of the elements.
    package var byteCount: Int { storage.count }

    /// No rows, in the same format.
    package var emptied: KeyValueRows { KeyValueRows(inBFloat16: isBFloat16) }

    /// Room beside what is needed, in bytes: the tokens to come, at the least those that a short text has.
    private static func spare(beside bytes: Int) -> Int { max(bytes / 8, 1 << 16) }
    /// From here on what comes first, such as a whole prompt, is given no room beside it: it may never grow.
    private static let manyBytes = 1 << 17

    /// Makes the storage this value's own, with room for some bytes more.
    private mutating func reserve(_ bytes: Int) {
        let needed = storage.count + bytes
        guard !isKnownUniquelyReferenced(&storage) || storage.capacity < needed else { return }
        let isFirst = storage.count == 0 && bytes >= Self.manyBytes
        storage = Storage(
            capacity: isFirst ? needed : needed + Self.spare(beside: needed), copying: storage.start,
            count: storage.count)
    }

    /// Adds rows at the end, rounded to the nearest, ties to even, where the format asks for it. Growth is amortised.
    package mutating func append(_ rows: ArraySlice<Float>) {
        guard !rows.isEmpty else { return }
        let bytes = rows.count * elementBytes
        reserve(bytes)
        let end = storage.start + storage.count
        rows.withUnsafeBufferPointer { source in
            // There is room for `bytes` at `end`, and nobody else looks.
            guard let start = source.baseAddress else { return }
            if isBFloat16 {
                Kernels.roundToBFloat16(start, count: source.count, into: end.assumingMemoryBound(to: UInt16.self))
            } else {
                end.copyMemory(from: start, byteCount: bytes)
            }
        }
        storage.count += bytes
    }

    /// Drops the last `count` elements, of which there are as many.
    package mutating func removeLast(_ count: Int) {
        precondition(count >= 0 && count <= self.count, "there are not so many")
        guard count > 0 else { return }
        reserve(0)
        storage.count -= count * elementBytes
    }

    /// The same numbers in float32.
    package var widened: KeyValueRows {
        guard isBFloat16 else { return self }
        var floats = KeyValueRows(inBFloat16: false)
        let count = count
        floats.storage = Storage(capacity: count * MemoryLayout<Float>.stride)
        floats.storage.count = floats.storage.capacity
        // Both hold `count` elements.
        Kernels.widenBFloat16(
            start.assumingMemoryBound(to: UInt16.self), count: count,
            into: floats.storage.start.assumingMemoryBound(to: Float.self))
        return floats
    }

    /// The elements in float32.
    package var elements: [Float] {
        let floats = widened
        // As many as `count` says, alive until they are copied.
        return withExtendedLifetime(floats) {
            Array(UnsafeBufferPointer(start: floats.start.assumingMemoryBound(to: Float.self), count: floats.count))
        }
    }

    /// Whether the elements are the same ones in memory.
    package func isSameStorage(as other: KeyValueRows) -> Bool { storage === other.storage }

    /// Where the elements are: as long as this value or a copy of it is alive and has not been written.
    var start: UnsafeRawPointer { UnsafeRawPointer(storage.start) }
}
