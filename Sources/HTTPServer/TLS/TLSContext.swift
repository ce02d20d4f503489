import CTLS

/// What all TLS connections of a server have in common: certificate, key, versions and protocols.
///
/// TLS 1.2 with forward secrecy and authenticated encryption, or 1.3; HTTP/2 rather than HTTP/1.1 (ALPN, RFC 7301). Lives on the
/// loop, hence not Sendable.
final class TLSContext {
    let context: OpaquePointer

    /// - throws: ``ServerError`` that names the file that is of no use.
    init(_ files: TLSFiles) throws(ServerError) {
        guard let context = SSL_CTX_new(TLS_server_method()) else { throw .tls("TLS cannot be set up") }
        self.context = context
        SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
        SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
        // Idle connections give their 32 KiB of buffers back.
        SSL_CTX_ctrl(context, SSL_CTRL_MODE, Int(SSL_MODE_RELEASE_BUFFERS), nil)
        SSL_CTX_set_options(context, CTLS_OPTIONS)
        SSL_CTX_set_num_tickets(context, 1)
        // Of the suites of TLS 1.2 those that HTTP/2 allows (RFC 9113 §9.2.2).
        SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20")
        SSL_CTX_set_alpn_select_cb(context, Self.choose, nil)
        ERR_clear_error()
        guard SSL_CTX_use_certificate_chain_file(context, files.certificate) == 1 else {
            throw .tls("\(files.certificate) is no certificate in PEM that can be read")
        }
        guard SSL_CTX_use_PrivateKey_file(context, files.privateKey, SSL_FILETYPE_PEM) == 1 else {
            throw .tls(
                "\(files.privateKey) is not the certificate's private key in PEM, readable and without a passphrase")
        }
        guard SSL_CTX_check_private_key(context) == 1 else {
            throw .tls("the private key \(files.privateKey) does not belong to the certificate \(files.certificate)")
        }
    }

    deinit { SSL_CTX_free(context) }

    /// The best protocol of those that the client offers: a list of names, each after its length. None of ours ends the handshake.
    private static let choose: SSL_CTX_alpn_select_cb_func = { _, chosen, chosenCount, offered, count, _ in
        guard let chosen, let chosenCount, let offered else { return SSL_TLSEXT_ERR_ALERT_FATAL }
        for ours in ["h2", "http/1.1"] {
            var at = 0
            while at < Int(count) {
                let length = Int(offered[at])
                guard at + 1 + length <= Int(count) else { break }
                let name = UnsafeBufferPointer(start: offered + at + 1, count: length)
                if name.elementsEqual(ours.utf8) {
                    chosen.pointee = offered + at + 1
                    chosenCount.pointee = UInt8(length)
                    return SSL_TLSEXT_ERR_OK
                }
                at += 1 + length
            }
        }
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }
}

extension ServerError {
    /// `problem` with what OpenSSL has to say about it.
    fileprivate static func tls(_ problem: String) -> ServerError {
        var reason = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(ERR_peek_last_error(), &reason, reason.count)
        let text = String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return ServerError("\(problem) (\(text))")
    }
}
