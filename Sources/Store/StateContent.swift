import Glibc

/// The file of a stored state, open for reading.
///
/// It stays readable while this value lives, even if the state is deleted meanwhile.
package final class StateContent: Sendable {
    /// Size of the file in bytes.
    package let count: Int
    private let path: String
    private let descriptor: Int32

    /// - throws: ``StoreError/stateDamaged(path:reason:)`` where the file is gone, or not as long as its row says;
    ///   ``StoreError/stateFile(path:reason:)`` where the disk does not say.
    init(path: String, count: Int) throws(StoreError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw errno == ENOENT ? .stateDamaged(path: path, reason: reason) : .stateFile(path: path, reason: reason)
        }
        self.path = path
        self.count = count
        var status = stat()
        guard fstat(descriptor, &status) == 0, Int(status.st_size) == count else {
            throw .stateDamaged(path: path, reason: "it is \(status.st_size) bytes long instead of \(count)")
        }
    }

    deinit { close(descriptor) }

    /// The bytes of a range, which must lie within `0..<count`.
    ///
    /// - throws: ``StoreError/stateFile(path:reason:)`` where they cannot be read, ``StoreError/stateDamaged(path:reason:)`` where
    ///   they are gone.
    package func bytes(_ range: Range<Int>) throws(StoreError) -> [UInt8] {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a range outside the file")
        var (failure, isShort) = (String?.none, false)
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, done in
            while done < range.count, let base = buffer.baseAddress {
                let count = pread(descriptor, base + done, range.count - done, off_t(range.lowerBound + done))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else {
                    isShort = count == 0
                    failure = isShort ? "it has become shorter" : String(cString: strerror(errno))
                    return
                }
                done += count
            }
        }
        if let failure {
            throw isShort ? .stateDamaged(path: path, reason: failure) : .stateFile(path: path, reason: failure)
        }
        return bytes
    }

    /// The whole file.
    package func bytes() throws(StoreError) -> [UInt8] { try bytes(0..<count) }
}
