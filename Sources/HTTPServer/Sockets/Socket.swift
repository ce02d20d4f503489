import CLinux
import Glibc

/// The calls into the kernel that the loop makes, each wrapped once. Descriptors are non-blocking and
/// close on exec; interrupted calls are made again.
enum Socket {
    /// What a read or a write came to.
    enum Outcome {
        case done(Int)
        case wouldBlock
        case failed
    }

    /// A listening socket on `host`, a name or an address, and `port`, 0 for any.
    static func listen(host: String, port: UInt16) throws(ServerError) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        let result = getaddrinfo(bare, String(port), &hints, &found)
        guard result == 0, let first = found else {
            throw ServerError("the address \(host) cannot be resolved: \(String(cString: gai_strerror(result)))")
        }
        defer { freeaddrinfo(found) }
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(first.pointee.ai_family, type, 0)
        guard descriptor >= 0 else { throw .system("a socket cannot be opened") }
        set(descriptor, SOL_SOCKET, SO_REUSEADDR)
        guard bind(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0,
            Glibc.listen(descriptor, 4096) == 0
        else {
            let error = ServerError.system(
                "cannot listen on \(host) port \(port) (port 0 lets the system choose a free one)")
            Glibc.close(descriptor)
            throw error
        }
        return descriptor
    }

    /// The port that the kernel chose for a listening socket.
    static func port(of descriptor: Int32) -> UInt16 {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &storage) { bytes in
            // The storage is large enough and aligned for every family, and the port stands at the same
            // place in both: bytes 2 and 3, in network order.
            guard let base = bytes.baseAddress,
                getsockname(descriptor, base.assumingMemoryBound(to: sockaddr.self), &length) == 0
            else { return 0 }
            return UInt16(bytes[2]) << 8 | UInt16(bytes[3])
        }
    }

    /// The next waiting connection; a negative descriptor if there is none, with `errno` saying why.
    static func accept(_ listener: Int32) -> Int32 {
        while true {
            let descriptor = clinux_accept4(
                listener, nil, nil, Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
            if descriptor < 0, errno == EINTR || errno == ECONNABORTED { continue }
            if descriptor >= 0 { set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY) }
            return descriptor
        }
    }

    static func receive(_ descriptor: Int32, into buffer: UnsafeMutableBufferPointer<UInt8>) -> Outcome {
        outcome { recv(descriptor, buffer.baseAddress, buffer.count, 0) }
    }

    /// Sends without a SIGPIPE when the client is gone.
    static func send(_ descriptor: Int32, _ bytes: UnsafeBufferPointer<UInt8>) -> Outcome {
        outcome { Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
    }

    /// Says that no more will be sent; reading goes on.
    static func endSending(_ descriptor: Int32) {
        _ = shutdown(descriptor, Int32(SHUT_WR))
    }

    static func close(_ descriptor: Int32) {
        _ = Glibc.close(descriptor)
    }

    private static func outcome(_ call: () -> Int) -> Outcome {
        while true {
            let count = call()
            if count >= 0 { return .done(count) }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            default: return .failed
            }
        }
    }

    private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32) {
        var on: Int32 = 1
        setsockopt(descriptor, level, option, &on, socklen_t(MemoryLayout<Int32>.size))
    }
}
