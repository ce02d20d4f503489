import Glibc

/// A blocking TCP client for tests that must control every byte.
final class RawClient {
    private var descriptor: Int32

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        // So that a server that never answers fails a test instead of hanging it.
        var patience = timeval(tv_sec: 120, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let result = withUnsafeBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) {
                connect(descriptor, $0.baseAddress, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Unexpected() }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    func send(_ text: String) {
        send(Array(text.utf8))
    }

    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Ends our side: no more requests, but we still listen.
    func endSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Closes in order, and listens no more.
    func end() {
        close(descriptor)
        descriptor = -1
    }

    /// Closes with a reset, as a crashed client would.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close(descriptor)
        descriptor = -1
    }

    /// Reads until the answer so far contains `marker`, or the server is done.
    func read(until marker: String) async throws -> String {
        let descriptor = descriptor
        return try await blocking {
            var all: [UInt8] = []
            while !String(decoding: all, as: UTF8.self).contains(marker), let more = Self.readSome(descriptor) {
                all += more
            }
            return String(decoding: all, as: UTF8.self)
        }
    }

    /// Reads that many bytes or more, or what there is.
    func read(atLeast count: Int) async throws -> [UInt8] {
        let descriptor = descriptor
        return try await blocking {
            var all: [UInt8] = []
            while all.count < count, let more = Self.readSome(descriptor) { all += more }
            return all
        }
    }

    /// Reads until the server closes.
    func readAll() async throws -> String {
        let descriptor = descriptor
        return try await blocking {
            var all: [UInt8] = []
            while let more = Self.readSome(descriptor) { all += more }
            return String(decoding: all, as: UTF8.self)
        }
    }

    private static func readSome(_ descriptor: Int32) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count > 0 ? Array(buffer[..<count]) : nil
    }
}
