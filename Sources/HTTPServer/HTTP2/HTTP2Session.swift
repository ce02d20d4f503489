import CNGHTTP2
import HTTPTypes

/// One HTTP/2 connection as a machine without sockets (RFC 9113), on top of nghttp2.
///
/// Bytes of the client go into ``receive(_:now:)``, bytes for it come out of ``takeOutput(upTo:into:)``,
/// and requests come out as ``takeEvents()``: whole, like those of HTTP/1.1. nghttp2 keeps frames, HPACK,
/// flow control and the rules of messages; this type keeps contents, limits and abuse.
///
/// Not Sendable: it lives in one place, the loop or a test, and nghttp2 calls back synchronously.
package final class HTTP2Session {
    /// What the loop must know.
    package enum Event: Sendable {
        /// A request is complete and waits for an answer.
        case request(stream: Int32, head: RequestHead, content: [UInt8])
        /// The stream is over, with or without an answer.
        case closed(stream: Int32)
    }

    /// How far the connection is in ending in order (RFC 9113 §6.8).
    private enum Leaving {
        case no
        /// The client knows that it is to open no more streams; those on their way to us are still served.
        case announced
        /// No stream that comes now is served.
        case final
    }

    /// Decides on a request when its header section is complete: how much content it may have.
    package typealias Admission = (RequestHead) throws(Refusal) -> Int

    let limits: Limits
    let admit: Admission
    let render: (Refusal) -> Response
    let budget: ContentBudget
    private(set) var streams: [Int32: HTTP2Stream] = [:]
    /// The stream that was looked for last: the fields of a header section, and often its answer, all ask for the same.
    private var recent: HTTP2Stream?
    /// The header section that is coming in.
    var head = HTTP2Head()
    /// What ``submit(_:on:)`` hands to nghttp2, kept for its memory.
    var fields = HTTP2Fields()
    var events: [Event] = []
    var suspicion: FloodCounter
    var now: UInt64 = 0
    /// Window updates that the answers sent so far account for; more of them are suspicious.
    var expectedWindowUpdates: Int
    private var date = HTTPDate()
    private(set) var isBroken = false
    /// Why nothing more is read from this client, once that is so; it is told.
    private(set) var verdict: nghttp2_error_code?
    /// The highest stream that the client has opened.
    var lastStream: Int32 = 0
    private var leaving = Leaving.no
    /// Set up in `init` before anything else can see it, freed in `deinit`.
    let session: OpaquePointer

    /// The bytes with which a client that knows begins (RFC 9113 §3.4).
    package static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    /// A session that will let in requests by `admit` and answer the others with `render`.
    package convenience init(
        limits: Limits, admit: @escaping Admission, render: @escaping (Refusal) -> Response = { $0.plainResponse }
    ) {
        self.init(limits: limits, budget: ContentBudget(limit: limits.bufferedContent), admit: admit, render: render)
    }

    init(
        limits: Limits, budget: ContentBudget, admit: @escaping Admission,
        render: @escaping (Refusal) -> Response
    ) {
        self.limits = limits
        self.budget = budget
        self.admit = admit
        self.render = render
        suspicion = FloodCounter(
            capacity: limits.suspiciousFrames, forgivenPerSecond: limits.suspiciousFramesForgivenPerSecond)
        expectedWindowUpdates = 2 * limits.concurrentStreams
        session = Self.makeSession(limits)
        nghttp2_session_set_user_data(session, Unmanaged.passUnretained(self).toOpaque())
        let settings = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
                value: UInt32(limits.concurrentStreams)),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue), value: UInt32(limits.headerSection)
            ),
            // All streams are alike here: a tree of priorities would be the client's to make expensive (RFC 9218 §2.1).
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES.rawValue), value: 1),
        ]
        nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), settings, settings.count)
    }

    deinit {
        nghttp2_session_del(session)
        for stream in streams.values { budget.give(back: stream.content.count) }
    }

    /// Takes what the client sent; `now` in nanoseconds that never go back.
    package func receive(_ bytes: UnsafeBufferPointer<UInt8>, now: UInt64) {
        self.now = now
        guard !isBroken, verdict == nil, let base = bytes.baseAddress else { return }
        guard nghttp2_session_mem_recv(session, base, bytes.count) < 0 else { return }
        // The callback that condemned the client has stopped the reading; writing still works, and the last word is said.
        if verdict == nil { isBroken = true }
    }

    /// Ends the connection: the client learns why, and nothing more of it is read.
    func condemn(_ code: nghttp2_error_code) {
        guard verdict == nil else { return }
        verdict = code
        nghttp2_session_terminate_session(session, code.rawValue)
    }

    /// Takes what the client sent, for tests.
    package func receive(_ bytes: [UInt8], now: UInt64 = 0) {
        bytes.withUnsafeBufferPointer { receive($0, now: now) }
    }

    /// What has happened since the last call.
    package func takeEvents() -> [Event] {
        defer { events.removeAll(keepingCapacity: true) }
        guard verdict != nil else { return events }
        // What such a client has asked for is not worth an answer; what it has broken off is still to be stopped.
        return events.filter { if case .closed = $0 { true } else { false } }
    }

    /// The stream of that number, if it is open.
    func stream(_ identifier: Int32) -> HTTP2Stream? {
        if let recent, recent.identifier == identifier { return recent }
        let found = streams[identifier]
        if let found { recent = found }
        return found
    }

    func open(_ stream: HTTP2Stream) {
        streams[stream.identifier] = stream
        recent = stream
    }

    /// The stream that was open until now.
    func close(_ identifier: Int32) -> HTTP2Stream? {
        if recent?.identifier == identifier { recent = nil }
        return streams.removeValue(forKey: identifier)
    }

    /// Whether ``takeEvents()`` would return any.
    var hasEvents: Bool { !events.isEmpty }

    /// Appends bytes for the client until `output` holds `limit` of them or there are no more.
    package func takeOutput(upTo limit: Int = .max, into output: inout [UInt8]) {
        while output.count < limit {
            var data: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &data)
            if count < 0 { isBroken = true }
            guard count > 0, let data else { return }
            output.append(contentsOf: UnsafeBufferPointer(start: data, count: count))
        }
    }

    /// Whether the connection has nothing more to do, or broke the rules beyond repair.
    package var isFinished: Bool {
        isBroken || (verdict != nil && nghttp2_session_want_write(session) == 0)
            || (nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0)
    }

    /// Whether no request is being received or answered.
    package var isIdle: Bool { streams.isEmpty }

    /// Begins the answer on `stream`: all of it for bytes; for a stream, ``write(_:on:)`` and
    /// ``end(_:)`` follow. `false` if the stream is gone or wants no content (`HEAD`).
    @discardableResult
    package func answer(_ identifier: Int32, _ response: Response) -> Bool {
        guard let stream = stream(identifier), !stream.isAnswered else { return false }
        stream.isAnswered = true
        stream.progressed = now
        stream.pace.begin(now: now)
        release(stream)
        let isHead = stream.request?.method == .head
        fields.begin(response.prepared?.http2 ?? HTTP2Fields.Block(response))
        date.update()
        fields.add("date", date.text.utf8)
        var streams = false
        switch response.content {
        case .bytes(let bytes):
            if !response.statusForbidsContent {
                fields.add("content-length", "\(bytes.count)".utf8)
                if !isHead { stream.output = bytes }
            }
            stream.outputIsComplete = true
        case .stream:
            if let length = response.contentLength, !response.statusForbidsContent {
                fields.add("content-length", "\(length)".utf8)
            }
            streams = !isHead && !response.statusForbidsContent
            stream.outputIsComplete = !streams
        }
        submit(on: stream)
        return streams
    }

    /// More of a streamed answer. `false` if the stream is gone.
    @discardableResult
    package func write(_ bytes: [UInt8], on identifier: Int32) -> Bool {
        guard let stream = stream(identifier), !stream.outputIsComplete else { return false }
        if stream.pendingOutput == 0 { stream.pace.begin(now: now) }
        stream.output.append(contentsOf: bytes)
        resume(stream)
        return true
    }

    /// The streamed answer is complete.
    package func end(_ identifier: Int32) {
        guard let stream = stream(identifier) else { return }
        stream.outputIsComplete = true
        resume(stream)
    }

    /// The answer breaks off, or nobody should wait for it: the client sees an error, not an end.
    package func abort(_ identifier: Int32) {
        reset(identifier, NGHTTP2_INTERNAL_ERROR)
    }

    /// Answer bytes that `stream` has not yet taken.
    package func pendingOutput(on identifier: Int32) -> Int {
        stream(identifier)?.pendingOutput ?? 0
    }

    /// Asks the client to open no more streams, and for a sign that it has heard so; those that it opens before are served
    /// (RFC 9113 §6.8). ``refuseNewStreams()`` follows by itself with the sign, or when the caller is tired of waiting.
    package func announceEnd() {
        guard leaving == .no else { return }
        leaving = .announced
        nghttp2_submit_shutdown_notice(session)
        Self.farewell.withUnsafeBufferPointer {
            _ = nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), $0.baseAddress)
        }
    }

    /// What the sign is known by: the content of a PING.
    private static let farewell = Array("farewell".utf8)

    /// The client has answered a PING.
    func ponged(_ content: UnsafeBufferPointer<UInt8>) {
        if leaving == .announced, content.elementsEqual(Self.farewell) { refuseNewStreams() }
    }

    /// Takes no new streams; those that are open go on.
    package func refuseNewStreams() {
        guard leaving != .final else { return }
        leaving = .final
        let last = nghttp2_session_get_last_proc_stream_id(session)
        nghttp2_submit_goaway(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, UInt32(NGHTTP2_NO_ERROR.rawValue), nil, 0)
    }

    /// Whether nothing is left of a connection that was to end.
    var hasEnded: Bool { leaving == .final && isIdle }

    /// Refuses uploads that take too long and drops answers that nobody takes.
    package func expire(now: UInt64) {
        self.now = now
        for stream in Array(streams.values) {
            if !stream.isReceived {
                let allowed =
                    limits.contentTimeout.nanoseconds
                    + UInt64(stream.content.count) * 1_000_000_000 / UInt64(limits.contentRate)
                if now > stream.opened + allowed {
                    refuse(stream, Refusal(.contentTimeout, "the content of the request did not arrive in time"))
                }
            } else if stream.isRefused, stream.pendingOutput == 0,
                now > stream.progressed + limits.lingerTimeout.nanoseconds
            {
                // The answer is out; RFC 9113 §8.1 has NO_ERROR for what need not go on.
                reset(stream.identifier, NGHTTP2_NO_ERROR)
            } else if stream.pendingOutput > 0, stream.pace.isTooSlow(now: now, limits: limits) {
                reset(stream.identifier, NGHTTP2_CANCEL)
            }
        }
    }

    func reset(_ identifier: Int32, _ code: nghttp2_error_code) {
        nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), identifier, code.rawValue)
    }

    /// Forgets the content of a request that is being answered: the handler has it.
    func release(_ stream: HTTP2Stream) {
        budget.give(back: stream.content.count)
        stream.content = []
    }

    private func resume(_ stream: HTTP2Stream) {
        guard stream.isDeferred else { return }
        stream.isDeferred = false
        nghttp2_session_resume_data(session, stream.identifier)
    }
}
