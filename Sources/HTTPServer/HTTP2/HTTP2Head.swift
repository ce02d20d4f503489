import HTTPTypes

/// A header section of HTTP/2 while its fields come in (RFC 9113 §8). A connection has one: sections do not interleave.
///
/// nghttp2 has already refused what HTTP/2 itself forbids: upper case, connection-specific fields,
/// missing, double or misplaced pseudo-header fields. What is left is what HTTP/1.1 requests are
/// also checked for, once the section is complete: until then fields are only counted and kept.
struct HTTP2Head {
    private(set) var size = 0
    /// Where the names and values of the fields end in `bytes`.
    private var ends: [(name: Int, value: Int)] = []
    /// Names and values, one after the other; before each field the lengths of both, so that equal bytes are equal fields.
    private var bytes: [UInt8] = []
    private var refusal: Refusal?
    private var repeated = RepeatedHead()

    /// Begins a section.
    mutating func begin() {
        size = 0
        ends.removeAll(keepingCapacity: bytes.count <= 4096)
        bytes.removeAll(keepingCapacity: bytes.count <= 4096)
        refusal = nil
    }

    /// Adds a field; sizes as `SETTINGS_MAX_HEADER_LIST_SIZE` counts them (32 more for each field).
    mutating func add(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>, limits: Limits) {
        size += name.count + value.count + 32
        guard refusal == nil else { return }
        guard value.count <= limits.requestLine || !name.elementsEqual(":path".utf8) else {
            refusal = Refusal(.targetTooLong, "the request target is longer than \(limits.requestLine) bytes")
            return
        }
        guard size <= limits.headerSection + limits.requestLine, ends.count < limits.fieldCount + 4 else {
            refusal = Refusal(.headersTooLarge, "the header fields are larger than this server accepts")
            return
        }
        withUnsafeBytes(of: (UInt32(name.count), UInt32(value.count))) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: name)
        let nameEnd = bytes.count
        bytes.append(contentsOf: value)
        ends.append((name: nameEnd, value: bytes.count))
    }

    /// The request that these fields make. `isComplete`: the stream ended with them.
    mutating func finish(isComplete: Bool) throws(Refusal) -> RequestHead {
        if let refusal { throw refusal }
        if isComplete, let (head, count) = bytes.withUnsafeBytes({ repeated.match($0) }), count == bytes.count {
            return head
        }
        let head = try HTTP2RequestFields(bytes, ends).head(isComplete: isComplete)
        repeated.keep(head, of: bytes[...])
        return head
    }
}

/// The fields of a complete header section of HTTP/2, and what they mean together.
private struct HTTP2RequestFields {
    private var method: String?
    private var path: String?
    private var authority: String?
    private var host: String?
    private var hosts = 0
    private var contentLength: Int?
    private var expectation: String?
    private var headerFields = HTTPFields()

    init(_ bytes: [UInt8], _ ends: [(name: Int, value: Int)]) throws(Refusal) {
        var start = 0
        for end in ends {
            let name = String(decoding: bytes[(start + 8)..<end.name], as: UTF8.self)
            let value = bytes[end.name..<end.value]
            start = end.value
            let text = String(decoding: value, as: UTF8.self)
            switch name {
            case ":method": method = text
            case ":path": path = text
            case ":authority": authority = text
            case ":scheme": break
            default: try addRegular(name, text, value)
            }
        }
    }

    private mutating func addRegular(_ name: String, _ text: String, _ value: ArraySlice<UInt8>) throws(Refusal) {
        guard !name.hasPrefix(":"), let fieldName = HTTPField.Name(name) else {
            throw Refusal(.badHeader, "a header field name must be a token")
        }
        switch name {
        case "host":
            host = text
            hosts += 1
        case "content-length": contentLength = Int(text)
        case "expect": expectation = text
        default: break
        }
        headerFields.append(HTTPField(name: fieldName, value: value))
    }

    func head(isComplete: Bool) throws(Refusal) -> RequestHead {
        guard let method = method.flatMap({ HTTPRequest.Method($0) }), method != .connect, let path else {
            throw Refusal(.badRequestLine, "a request must have a method other than CONNECT, and a path")
        }
        let target: RequestTarget
        if path == "*" {
            guard method == .options else { throw Refusal(.badTarget, "the target * is for OPTIONS alone") }
            target = .asterisk
        } else {
            target = try RequestTarget(path)
        }
        guard hosts <= 1, let name = authority ?? host, let parsed = Authority(name),
            host == nil || authority == nil || Authority(host ?? "") == parsed
        else { throw Refusal(.badHost, "a request must name one host, in :authority or Host") }
        guard expectation == nil || expectation?.lowercased() == "100-continue" else {
            throw Refusal(.unsupportedExpectation, "the only expectation this server meets is 100-continue")
        }
        let content: RequestHead.Content = isComplete ? .none : contentLength.map { .length($0) } ?? .open
        return RequestHead(
            method: method, target: target, protocolVersion: .http2, headerFields: headerFields, authority: parsed,
            content: content, expectsContinue: expectation != nil && !isComplete, keepsConnection: true)
    }
}
