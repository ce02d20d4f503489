import CZlib
import Synchronization

/// Compresses pieces as they come into one gzip member (RFC 1952).
///
/// Each piece can be read as soon as it has arrived: everything written so far is flushed with it.
final class GzipStream: Sendable {
    /// zlib's state points back at the `z_stream`, which therefore must not move.
    private let stream = Mutex(UnsafeMutablePointer<z_stream>.allocate(capacity: 1))

    /// - throws: ``CompressionFailed`` when there is no memory for it (about 256 KiB).
    init() throws(CompressionFailed) {
        let result = stream.withLock { stream in
            stream.initialize(to: z_stream())
            // 15 bits of window, and 16 for a gzip header; level 5: half of level 6's time for a few percent more bytes.
            return deflateInit2_(
                stream, 5, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        }
        guard result == Z_OK else { throw CompressionFailed() }
    }

    deinit {
        stream.withLock {
            deflateEnd($0)
            $0.deinitialize(count: 1)
            $0.deallocate()
        }
    }

    /// What is to be sent for `bytes`, and at the end for the end.
    func compress(_ bytes: [UInt8], isLast: Bool) -> [UInt8] {
        stream.withLock { Self.compress(bytes, isLast: isLast, $0) }
    }

    private static func compress(_ bytes: [UInt8], isLast: Bool, _ stream: UnsafeMutablePointer<z_stream>) -> [UInt8] {
        var bytes = bytes
        var compressed: [UInt8] = []
        let room = 32 * 1024
        bytes.withUnsafeMutableBufferPointer { input in
            stream.pointee.next_in = input.baseAddress
            stream.pointee.avail_in = UInt32(truncatingIfNeeded: input.count)
            var isUnfinished = true
            while isUnfinished {
                let piece = [UInt8](unsafeUninitializedCapacity: room) { output, count in
                    stream.pointee.next_out = output.baseAddress
                    stream.pointee.avail_out = UInt32(room)
                    // Neither call can fail: the state is sound, and there is room and input or a flush to do.
                    deflate(stream, isLast ? Z_FINISH : Z_SYNC_FLUSH)
                    count = room - Int(stream.pointee.avail_out)
                }
                compressed += piece
                isUnfinished = stream.pointee.avail_out == 0
            }
        }
        return compressed
    }
}

/// An answer could not be compressed.
struct CompressionFailed: Error {}
