import HTTPTypes

/// A header section of HTTP/2 while its fields come in (RFC 9113 §8).
///
/// nghttp2 has already refused what HTTP/2 itself forbids: upper case, connection-specific fields,
/// missing, double or misplaced pseudo-header fields. What is left is what HTTP/1.1 requests are
/// also checked for.
struct HTTP2Head {
    private(set) var size = 0
    private var count = 0
    private var method: String?
    private var path: String?
    private var authority: String?
    private var host: String?
    private var hosts = 0
    private var contentLength: Int?
    private var expectation: String?
    private var headerFields = HTTPFields()
    private var refusal: Refusal?

    /// Adds a field; sizes as `SETTINGS_MAX_HEADER_LIST_SIZE` counts them (32 more for each field).
    mutating func add(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>, limits: Limits) {
        size += name.count + value.count + 32
        count += 1
        guard refusal == nil else { return }
        let target = String(decoding: name, as: UTF8.self)
        guard target != ":path" || value.count <= limits.requestLine else {
            refusal = Refusal(.targetTooLong, "the request target is longer than \(limits.requestLine) bytes")
            return
        }
        guard size <= limits.headerSection + limits.requestLine, count <= limits.fieldCount + 4 else {
            refusal = Refusal(.headersTooLarge, "the header fields are larger than this server accepts")
            return
        }
        let text = String(decoding: value, as: UTF8.self)
        switch target {
        case ":method": method = text
        case ":path": path = text
        case ":authority": authority = text
        case ":scheme": break
        default: addRegular(target, text, value)
        }
    }

    private mutating func addRegular(_ name: String, _ text: String, _ value: UnsafeBufferPointer<UInt8>) {
        guard !name.hasPrefix(":"), let fieldName = HTTPField.Name(name) else {
            refusal = Refusal(.badHeader, "a header field name must be a token")
            return
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

    /// The request that these fields make. `isComplete`: the stream ended with them.
    func finish(isComplete: Bool) throws(Refusal) -> RequestHead {
        if let refusal { throw refusal }
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
