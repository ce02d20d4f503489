/// Reads HTTP/1.1 requests from bytes (RFC 9112), strictly, without any I/O.
///
///     request line ──▶ field lines ──▶ content ───────────────▶ end ─▶ request line
///                                  └─▶ chunk size ⇄ chunk ─▶ trailers ─▶ end
///     anything wrong, anywhere ──▶ refused, for good
///
/// Bytes go in through ``feed(_:)``, events come out of ``next()`` one at a time, so that a caller
/// who answers one request before it looks at the next simply does not ask.
///
/// What holds throughout, because two programs that disagree on where a request ends are an attack
/// (request smuggling):
/// - Every line ends with CRLF. A CR or an LF alone is refused where it stands.
/// - The length of the content has exactly one meaning, or the request is refused.
/// - After a refusal nothing is ever read again: ``next()`` returns `nil` for good.
/// - What comes out depends on the bytes alone, never on how they were cut into pieces: every
///   check is made at a byte position, and a line is only interpreted when it is complete.
package struct HTTP1Parser: Sendable {
    /// What the bytes so far have shown.
    package enum Event: Sendable, Hashable {
        case head(RequestHead)
        /// Some of the content, decoded from its framing.
        case content([UInt8])
        /// The request is complete.
        case end
        /// To be answered once; then the connection is to be closed.
        case refused(Refusal)
    }

    enum State: Sendable {
        case requestLine
        case fieldLines
        case content(remaining: Int)
        case chunkSize
        case chunk(remaining: Int)
        case chunkEnd
        case trailers
        case end
        case refused
    }

    let limits: Limits
    private let isSecure: Bool
    var state = State.requestLine
    /// Bytes not yet interpreted are those from `at` on; a line is known not to end before `scanned`.
    var buffer: [UInt8] = []
    var at = 0
    var scanned = 0
    private var head = HTTP1Head()
    /// Where the header section at hand began, if it is still in `buffer` as a whole.
    private var headStart: Int?
    private var repeated = RepeatedHead()
    private var sawEmptyLine = false
    private var sectionBytes = 0
    private var sectionFields = 0
    private var extensionBytes = 0
    private var chunkedBytes = 0
    /// The most content of the request at hand, as its chunks announce it; whoever reads the head sets it.
    package var contentLimit = Int.max

    /// - Parameter isSecure: whether the bytes came over TLS: the scheme of a target in absolute form must say the same.
    package init(limits: Limits, isSecure: Bool = false) {
        self.limits = limits
        self.isSecure = isSecure
    }

    /// Bytes fed and not yet interpreted.
    package var unread: Int { buffer.count - at }

    /// Whether nothing of a next request has arrived.
    package var isBetweenRequests: Bool {
        if case .requestLine = state { unread == 0 } else { false }
    }

    /// Takes what the client sent. Only copies; ``next()`` interprets.
    package mutating func feed(_ bytes: some Collection<UInt8>) {
        if case .refused = state { return }
        if at == buffer.count {
            buffer.removeAll(keepingCapacity: true)
            at = 0
            scanned = 0
            headStart = nil
        } else if at > 64 * 1024 {
            buffer.removeSubrange(..<at)
            scanned -= at
            at = 0
            headStart = nil
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next event, or `nil` until more bytes come (or for good, after a refusal).
    package mutating func next() -> Event? {
        do throws(Refusal) {
            return try step()
        } catch {
            state = .refused
            buffer = []
            at = 0
            scanned = 0
            return .refused(error)
        }
    }

    private mutating func step() throws(Refusal) -> Event? {
        while true {
            switch state {
            case .requestLine:
                if let head = takeRepeatedHead() { return .head(head) }
                guard let line = try line(limits.requestLine, .badRequestLine, .targetTooLong) else { return nil }
                if line.isEmpty {
                    guard !sawEmptyLine else {
                        throw Refusal(.badRequestLine, "at most one empty line may precede a request")
                    }
                    sawEmptyLine = true
                } else {
                    head = try HTTP1Head(requestLine: buffer[line], isSecure: isSecure)
                    headStart = line.lowerBound
                    state = .fieldLines
                }
            case .fieldLines:
                guard let line = try fieldLine() else { return nil }
                guard line.isEmpty else {
                    try head.add(fieldLine: buffer[line])
                    continue
                }
                let complete = try head.finish()
                if let headStart { repeated.keep(complete, of: buffer[headStart..<at]) }
                begin(complete.content)
                return .head(complete)
            case .content(let remaining):
                guard remaining > 0 else {
                    state = .end
                    continue
                }
                guard let bytes = take(upTo: remaining) else { return nil }
                state = .content(remaining: remaining - bytes.count)
                return .content(bytes)
            case .chunkSize:
                // The digits, then extensions; both bounded, so the line is.
                let longest = 16 + limits.chunkExtensions - extensionBytes
                guard let line = try line(longest, .badChunk, .badChunk) else { return nil }
                let size = try HTTP1Chunk.size(buffer[line])
                extensionBytes += size.extensionBytes
                guard extensionBytes <= limits.chunkExtensions else {
                    throw Refusal(.badChunk, "there are too many chunk extensions")
                }
                guard size.value <= contentLimit - chunkedBytes else { throw .contentTooLarge(limit: contentLimit) }
                chunkedBytes += size.value
                startSection()
                state = size.value == 0 ? .trailers : .chunk(remaining: size.value)
            case .chunk(let remaining):
                guard remaining > 0 else {
                    state = .chunkEnd
                    continue
                }
                guard let bytes = take(upTo: remaining) else { return nil }
                state = .chunk(remaining: remaining - bytes.count)
                return .content(bytes)
            case .chunkEnd:
                guard let line = try line(0, .badChunk, .badChunk) else { return nil }
                assert(line.isEmpty)
                state = .chunkSize
            case .trailers:
                guard let line = try fieldLine() else { return nil }
                // Trailers are checked like header fields and dropped: nothing here uses them.
                if line.isEmpty { state = .end } else { _ = try HTTP1Head.split(buffer[line]) }
            case .end:
                state = .requestLine
                sawEmptyLine = false
                return .end
            case .refused:
                return nil
            }
        }
    }

    /// The header section of the request before, if it has arrived once more.
    private mutating func takeRepeatedHead() -> RequestHead? {
        guard scanned == at, unread > 0,
            let (head, count) = buffer.withUnsafeBytes({ repeated.match(UnsafeRawBufferPointer(rebasing: $0[at...])) })
        else { return nil }
        at += count
        scanned = at
        begin(head.content)
        return head
    }

    private mutating func begin(_ content: RequestHead.Content) {
        switch content {
        case .none: state = .end
        case .length(let length): state = .content(remaining: length)
        case .open: state = .chunkSize
        }
        extensionBytes = 0
        chunkedBytes = 0
        contentLimit = .max
        startSection()
    }

    private mutating func startSection() {
        sectionBytes = 0
        sectionFields = 0
    }

    /// The next line of a header or trailer section, counted against its limits.
    private mutating func fieldLine() throws(Refusal) -> Range<Int>? {
        guard let line = try line(limits.headerSection - sectionBytes, .badHeader, .headersTooLarge) else { return nil }
        sectionBytes += line.count
        if !line.isEmpty { sectionFields += 1 }
        guard sectionFields <= limits.fieldCount else {
            throw Refusal(.headersTooLarge, "there are more than \(limits.fieldCount) header fields")
        }
        return line
    }

    private mutating func take(upTo count: Int) -> [UInt8]? {
        guard unread > 0 else { return nil }
        let end = at + min(count, unread)
        defer {
            at = end
            scanned = end
        }
        return Array(buffer[at..<end])
    }
}
