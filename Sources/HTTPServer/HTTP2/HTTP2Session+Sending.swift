import CNGHTTP2

extension HTTP2Session {
    /// Hands `fields` to nghttp2, which copies them, and connects the stream's output.
    func submit(on stream: HTTP2Stream) {
        let hasContent = stream.pendingOutput > 0 || !stream.outputIsComplete
        let result = fields.withNames { list, count in
            guard hasContent else { return nghttp2_submit_response(session, stream.identifier, list, count, nil) }
            var provider = nghttp2_data_provider()
            provider.read_callback = Self.readOutput
            return nghttp2_submit_response(session, stream.identifier, list, count, &provider)
        }
        if result != 0 { reset(stream.identifier, NGHTTP2_INTERNAL_ERROR) }
    }

    func submitContinue(on stream: HTTP2Stream) {
        var name = Array(":status".utf8)
        var value = Array("100".utf8)
        name.withUnsafeMutableBufferPointer { name in
            value.withUnsafeMutableBufferPointer { value in
                var field = nghttp2_nv(
                    name: name.baseAddress, value: value.baseAddress, namelen: name.count, valuelen: value.count,
                    flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue))
                _ = nghttp2_submit_headers(
                    session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.identifier, nil, &field, 1, nil)
            }
        }
    }

    /// Answers `stream` with a refusal; what still comes of its content is dropped.
    func refuse(_ stream: HTTP2Stream, _ refusal: Refusal) {
        stream.isReceived = true
        stream.isRefused = true
        var refusal = refusal
        refusal.target = stream.request?.target
        answer(stream.identifier, render(refusal))
    }

    private static let readOutput: nghttp2_data_source_read_callback = {
        _, identifier, destination, capacity, flags, _, context in
        guard let session = HTTP2Session.from(context), let destination, let flags,
            let stream = session.stream(identifier)
        else { return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue) }
        let taken = stream.takeOutput(into: destination, upTo: capacity)
        stream.progressed = session.now
        stream.pace.took(taken, now: session.now)
        if stream.pendingOutput == 0, stream.outputIsComplete {
            flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
            return taken
        }
        guard taken > 0 else {
            stream.isDeferred = true
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        return taken
    }
}
