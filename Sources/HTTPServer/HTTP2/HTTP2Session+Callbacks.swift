import CNGHTTP2

/// What nghttp2 tells us while it reads. Every callback finds its session in the user data, which
/// outlives nghttp2's session because it owns it.
extension HTTP2Session {
    static func from(_ context: UnsafeMutableRawPointer?) -> HTTP2Session? {
        context.map { Unmanaged<HTTP2Session>.fromOpaque($0).takeUnretainedValue() }
    }

    static func makeSession(_ limits: Limits) -> OpaquePointer {
        var callbacks: OpaquePointer?
        nghttp2_session_callbacks_new(&callbacks)
        defer { nghttp2_session_callbacks_del(callbacks) }
        nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, onBeginFrame)
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, onFrameSent)
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, onBeginHeaders)
        nghttp2_session_callbacks_set_on_header_callback(callbacks, onHeader)
        nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, onInvalidHeader)
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, onFrame)
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, onData)
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, onStreamClose)
        var options: OpaquePointer?
        nghttp2_option_new(&options)
        defer { nghttp2_option_del(options) }
        nghttp2_option_set_max_continuations(options, limits.continuations)
        nghttp2_option_set_max_outbound_ack(options, limits.suspiciousFrames)
        var session: OpaquePointer?
        nghttp2_session_server_new2(&session, callbacks, nil, options)
        // It fails for lack of memory alone, which Swift's own allocations do not survive either.
        guard let session else { fatalError("nghttp2 could not allocate a session: out of memory") }
        return session
    }

    private static let stop = NGHTTP2_ERR_CALLBACK_FAILURE.rawValue

    /// What nghttp2 passes over in silence because we asked it to have no priorities and to keep no closed streams.
    private static let onBeginFrame: nghttp2_on_begin_frame_callback = { _, header, context in
        guard let session = from(context), let header else { return stop }
        let identifier = header.pointee.stream_id
        switch UInt32(header.pointee.type) {
        case NGHTTP2_PRIORITY.rawValue:
            guard identifier > 0 else { return session.end(NGHTTP2_PROTOCOL_ERROR) }
            return session.suspect()
        case NGHTTP2_HEADERS.rawValue:
            if identifier > session.lastStream {
                session.lastStream = identifier
            } else if session.stream(identifier) == nil {
                return session.suspect()
            }
        default: break
        }
        return 0
    }

    /// A reset that the client's mistakes make us send costs as much as one of its own (CVE-2025-8671), whoever is at fault.
    private static let onFrameSent: nghttp2_on_frame_send_callback = { _, frame, context in
        guard let session = from(context), let frame else { return stop }
        switch UInt32(frame.pointee.hd.type) {
        // One window is given back for the stream and one for the connection, at most.
        case NGHTTP2_DATA.rawValue: session.expectedWindowUpdates += 2
        case NGHTTP2_RST_STREAM.rawValue:
            // Not `suspect()`: the writing is to go on, to its last word.
            if !session.suspicion.allowsOneMore(at: session.now) { session.condemn(NGHTTP2_ENHANCE_YOUR_CALM) }
        default: break
        }
        return 0
    }

    private static let onBeginHeaders: nghttp2_on_begin_headers_callback = { _, frame, context in
        guard let session = from(context), let frame else { return stop }
        session.head.begin()
        if frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
            let identifier = frame.pointee.hd.stream_id
            session.open(HTTP2Stream(identifier: identifier, now: session.now))
            session.expectedWindowUpdates += 2
        }
        return 0
    }

    private static let onHeader: nghttp2_on_header_callback = {
        _, frame, name, nameCount, value, valueCount, _, context in
        guard let session = from(context), let frame else { return stop }
        guard session.stream(frame.pointee.hd.stream_id) != nil else { return 0 }
        // Trailers are counted like header fields and then dropped.
        session.head.add(
            name: UnsafeBufferPointer(start: name, count: nameCount),
            value: UnsafeBufferPointer(start: value, count: valueCount), limits: session.limits)
        // Decompressing on and on for somebody so far over the limit is the attack itself.
        let most = 4 * (session.limits.headerSection + session.limits.requestLine)
        return session.head.size > most ? session.end(NGHTTP2_ENHANCE_YOUR_CALM) : 0
    }

    /// Without this nghttp2 would drop invalid fields silently; so the stream is reset instead.
    private static let onInvalidHeader: nghttp2_on_invalid_header_callback = { _, _, _, _, _, _, _, _ in
        NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
    }

    private static let onFrame: nghttp2_on_frame_recv_callback = { _, frame, context in
        guard let session = from(context), let frame else { return stop }
        let header = frame.pointee.hd
        let ends = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue:
            guard let stream = session.stream(header.stream_id) else { return 0 }
            if frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST { session.headComplete(stream, isComplete: ends) }
            if ends { session.contentComplete(stream) }
        case NGHTTP2_DATA.rawValue:
            if ends, let stream = session.stream(header.stream_id) {
                session.contentComplete(stream)
            } else if header.length - frame.pointee.data.padlen <= 0, !ends {
                return session.suspect()
            }
        case NGHTTP2_PING.rawValue where header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0:
            withUnsafeBytes(of: frame.pointee.ping.opaque_data) { bytes in
                bytes.withMemoryRebound(to: UInt8.self) { session.ponged($0) }
            }
            return session.suspect()
        case NGHTTP2_WINDOW_UPDATE.rawValue:
            guard session.expectedWindowUpdates > 0 else { return session.suspect() }
            session.expectedWindowUpdates -= 1
        case NGHTTP2_RST_STREAM.rawValue, NGHTTP2_PING.rawValue, NGHTTP2_SETTINGS.rawValue:
            return session.suspect()
        default: break
        }
        return 0
    }

    private static let onData: nghttp2_on_data_chunk_recv_callback = { _, _, identifier, data, count, context in
        guard let session = from(context) else { return stop }
        guard let stream = session.stream(identifier) else { return 0 }
        guard !stream.isReceived else {
            session.drop(count, of: stream)
            return 0
        }
        session.received(UnsafeBufferPointer(start: data, count: count), on: stream)
        return 0
    }

    private static let onStreamClose: nghttp2_on_stream_close_callback = { _, identifier, _, context in
        guard let session = from(context) else { return stop }
        if let stream = session.close(identifier) {
            session.release(stream)
            session.events.append(.closed(stream: identifier))
        }
        return 0
    }

    private func suspect() -> Int32 {
        suspicion.allowsOneMore(at: now) ? 0 : end(NGHTTP2_ENHANCE_YOUR_CALM)
    }

    /// Condemns the client from a callback of the reading, which stops there.
    private func end(_ code: nghttp2_error_code) -> Int32 {
        condemn(code)
        return Self.stop
    }

    private func headComplete(_ stream: HTTP2Stream, isComplete: Bool) {
        do throws(Refusal) {
            let head = try head.finish(isComplete: isComplete)
            stream.request = head
            stream.contentLimit = try admit(head)
            if case .length(let length) = head.content, length > stream.contentLimit {
                throw Refusal.contentTooLarge(limit: stream.contentLimit)
            }
            if head.expectsContinue { submitContinue(on: stream) }
        } catch {
            refuse(stream, error)
        }
    }

    private func received(_ bytes: UnsafeBufferPointer<UInt8>, on stream: HTTP2Stream) {
        guard bytes.count <= stream.contentLimit - stream.content.count else {
            return refuse(stream, .contentTooLarge(limit: stream.contentLimit))
        }
        guard budget.take(bytes.count) else {
            return refuse(stream, .noRoomForContent)
        }
        stream.content.append(contentsOf: bytes)
    }

    /// Lets a refused client go on for a while, as over HTTP/1.1: some see a reset before the answer.
    private func drop(_ count: Int, of stream: HTTP2Stream) {
        stream.dropped += count
        if stream.dropped > limits.lingerBytes { reset(stream.identifier, NGHTTP2_NO_ERROR) }
    }

    private func contentComplete(_ stream: HTTP2Stream) {
        guard !stream.isReceived, let request = stream.request else { return }
        stream.isReceived = true
        events.append(.request(stream: stream.identifier, head: request, content: stream.content))
    }

}
