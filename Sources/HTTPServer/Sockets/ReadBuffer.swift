/// Memory that reads land in first, owned by whoever holds this.
final class ReadBuffer {
    let bytes: UnsafeMutableBufferPointer<UInt8>

    init(capacity: Int) {
        bytes = .allocate(capacity: capacity)
        // Memory that recv(2) has not filled is never read; it is set once all the same.
        bytes.initialize(repeating: 0)
    }

    deinit {
        bytes.deallocate()
    }
}
