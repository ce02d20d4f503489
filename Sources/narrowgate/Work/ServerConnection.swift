import CTLS
import Glibc

/// A connection to a server, plain or over TLS, until this value goes.
final class ServerConnection {
    private let descriptor: Int32
    private var session: OpaquePointer?

    /// Connects, and gives up on a server that is silent for half a minute. `nil` if nobody is there.
    init?(host: String, port: String) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, port, &hints, &list) == 0, let first = list else { return nil }
        defer { freeaddrinfo(list) }
        descriptor = socket(first.pointee.ai_family, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
        guard connect(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 else { return nil }
    }

    deinit {
        if let session { SSL_free(session) }
        if descriptor >= 0 { close(descriptor) }
    }

    /// Shakes hands: the certificate must lead to one of `authorities` and be for one of `names`.
    ///
    /// - Parameters:
    ///   - authorities: the path of a PEM file with roots; `nil` for those that this machine trusts.
    ///   - names: host names or addresses.
    /// - throws: ``CommandError`` that says what is wrong with the file or the server's certificate.
    func secure(authorities: String?, names: [String]) throws(CommandError) {
        // OpenSSL writes without MSG_NOSIGNAL.
        signal(SIGPIPE, SIG_IGN)
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw CommandError("TLS cannot be set up") }
        defer { SSL_CTX_free(context) }
        SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        if let authorities {
            guard SSL_CTX_load_verify_locations(context, authorities, nil) == 1 else {
                throw CommandError("\(authorities) is no file of certificates in PEM that can be read")
            }
        } else {
            SSL_CTX_set_default_verify_paths(context)
        }
        guard let session = SSL_new(context) else { throw CommandError("TLS cannot be set up") }
        self.session = session
        guard SSL_set_fd(session, descriptor) == 1 else { throw CommandError("TLS cannot be set up") }
        guard SSL_connect(session) == 1 else {
            let verdict = SSL_get_verify_result(session)
            guard verdict != Int(X509_V_OK) else { throw CommandError("the server does not shake hands over TLS") }
            let reason = X509_verify_cert_error_string(verdict).map { String(cString: $0) } ?? "error \(verdict)"
            throw CommandError(
                "the server's certificate is not trusted: \(reason); --ca names a PEM file with the root that it leads to"
            )
        }
        guard let certificate = SSL_get1_peer_certificate(session) else {
            throw CommandError("the server shows no certificate")
        }
        defer { X509_free(certificate) }
        // Before anything is sent.
        let isMeant = names.contains { name in
            X509_check_ip_asc(certificate, name, 0) == 1
                || X509_check_host(certificate, name, name.utf8.count, 0, nil) == 1
        }
        guard isMeant else {
            throw CommandError("the server's certificate is for another name than \(names.joined(separator: " or "))")
        }
    }

    /// Sends all of it; `false` if nobody takes it.
    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { piece in
                guard let session else {
                    return Glibc.send(descriptor, piece.baseAddress, piece.count, Int32(MSG_NOSIGNAL))
                }
                return Int(SSL_write(session, piece.baseAddress, Int32(min(piece.count, 1 << 14))))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// All that comes until the server closes; `nil` if it falls silent before.
    func receive() -> [UInt8]? {
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            guard let session else {
                let count = recv(descriptor, &buffer, buffer.count, 0)
                guard count >= 0 else { return nil }
                guard count > 0 else { return answer }
                answer += buffer[..<count]
                continue
            }
            let count = SSL_read(session, &buffer, Int32(buffer.count))
            if count > 0 {
                answer += buffer[..<Int(count)]
            } else {
                // An end without a word could be somebody cutting the answer short.
                return SSL_get_error(session, count) == SSL_ERROR_ZERO_RETURN ? answer : nil
            }
        }
    }
}
