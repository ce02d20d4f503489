import CTLS

/// One TLS connection as a machine without sockets: what the client sent goes into ``receive(_:)`` and comes out readable, what is
/// for it goes into ``seal(_:)`` and comes out as it is to be sent.
///
/// Not Sendable: it lives on the loop.
final class TLSSession {
    /// A protocol that client and server agreed on while they shook hands.
    enum Agreement {
        case nothing
        case http1
        case http2
    }

    private let session: OpaquePointer
    /// Memory that OpenSSL takes the client's bytes from, and leaves those for it in; the session owns both.
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    /// The client has said that it will send no more.
    private(set) var sawEnd = false
    /// What came was no TLS, or the handshake failed: there is at most an alert left to send.
    private(set) var isBroken = false

    /// A session that waits for the client's hello; `nil` when there is no memory for one.
    init?(_ context: TLSContext) {
        guard let session = SSL_new(context.context) else { return nil }
        guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
            SSL_free(session)
            return nil
        }
        SSL_set_bio(session, incoming, outgoing)
        SSL_set_accept_state(session)
        self.session = session
        self.incoming = incoming
        self.outgoing = outgoing
    }

    deinit { SSL_free(session) }

    /// Whether hands have been shaken, so that something can be said.
    var isEstablished: Bool { SSL_is_init_finished(session) == 1 }

    var agreement: Agreement {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(session, &name, &count)
        guard let name, count > 0 else { return .nothing }
        return UnsafeBufferPointer(start: name, count: Int(count)).elementsEqual("h2".utf8) ? .http2 : .http1
    }

    /// What the client has said with these bytes and those before.
    func receive(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var plain: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty, !isBroken {
            // In pieces of a record: OpenSSL's memory keeps the size of the largest piece it has held.
            let piece = UnsafeBufferPointer(rebasing: rest.prefix(16 * 1024))
            BIO_write(incoming, piece.baseAddress, Int32(piece.count))
            rest = rest.dropFirst(piece.count)
            read(into: &plain)
        }
        return plain
    }

    private func read(into plain: inout [UInt8]) {
        while true {
            ERR_clear_error()
            var result: Int32 = 0
            plain += [UInt8](unsafeUninitializedCapacity: 16 * 1024) { buffer, count in
                result = SSL_read(session, buffer.baseAddress, Int32(buffer.count))
                count = max(0, Int(result))
            }
            guard result <= 0 else { continue }
            switch SSL_get_error(session, result) {
            case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: break
            case SSL_ERROR_ZERO_RETURN: sawEnd = true
            default: isBroken = true
            }
            return
        }
    }

    /// Takes `bytes` for the client; ``takeOutput(into:)`` has them as they are to be sent.
    func seal(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard !isBroken, !bytes.isEmpty else { return }
        ERR_clear_error()
        // Memory takes everything, so there is no partial write; what fails is broken for good.
        if SSL_write(session, bytes.baseAddress, Int32(truncatingIfNeeded: bytes.count)) <= 0 { isBroken = true }
    }

    /// Says that no more will be sent.
    func endSending() {
        guard isEstablished, !isBroken else { return }
        ERR_clear_error()
        SSL_shutdown(session)
    }

    /// Appends what is to be sent: sealed bytes, handshakes, alerts.
    func takeOutput(into output: inout [UInt8]) {
        while BIO_ctrl_pending(outgoing) > 0 {
            output += [UInt8](unsafeUninitializedCapacity: Int(BIO_ctrl_pending(outgoing))) { buffer, count in
                count = max(0, Int(BIO_read(outgoing, buffer.baseAddress, Int32(buffer.count))))
            }
        }
    }
}
