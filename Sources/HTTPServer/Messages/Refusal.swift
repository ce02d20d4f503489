package import HTTPTypes

/// A request that the server itself answers, before any route sees it.
///
/// `detail` says what was wrong and what would be right. Over HTTP/1.1 the connection is closed
/// after the answer, because where the next request would begin is not to be trusted any more.
package struct Refusal: Error, Sendable, Hashable {
    /// What was wrong, as a word for programs; the raw value is stable.
    package enum Reason: String, Sendable, CaseIterable {
        case badRequestLine = "bad_request_line"
        case badTarget = "bad_target"
        case badHeader = "bad_header"
        case badHost = "bad_host"
        case badFraming = "bad_framing"
        case badChunk = "bad_chunk"
        case unsupportedCoding = "unsupported_transfer_coding"
        case unsupportedVersion = "unsupported_http_version"
        case targetTooLong = "target_too_long"
        case headersTooLarge = "headers_too_large"
        case contentTooLarge = "content_too_large"
        case lengthRequired = "length_required"
        case unsupportedExpectation = "unsupported_expectation"
        case wrongHost = "wrong_host"
        case crossSite = "cross_site"
        case headerTimeout = "header_timeout"
        case contentTimeout = "content_timeout"
        case overloaded = "overloaded"
    }

    package let reason: Reason
    package let detail: String
    /// What the request asked for, where its head could be read.
    package var target: RequestTarget?

    package init(_ reason: Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }

    /// The status that RFC 9110 and RFC 9112 ask for.
    package var status: HTTPResponse.Status {
        switch reason {
        case .badRequestLine, .badTarget, .badHeader, .badHost, .badFraming, .badChunk: .badRequest
        case .unsupportedCoding: .notImplemented
        case .unsupportedVersion: .httpVersionNotSupported
        case .targetTooLong: .uriTooLong
        case .headersTooLarge: .requestHeaderFieldsTooLarge
        case .contentTooLarge: .contentTooLarge
        case .lengthRequired: .lengthRequired
        case .unsupportedExpectation: .expectationFailed
        case .wrongHost: .misdirectedRequest
        case .crossSite: .forbidden
        case .headerTimeout, .contentTimeout: .requestTimeout
        case .overloaded: .serviceUnavailable
        }
    }

    /// The answer in plain text, for servers that render refusals in no other way.
    package var plainResponse: Response {
        var response = Response(status: status, text: detail + "\n")
        if reason == .overloaded { response.headerFields[.retryAfter] = "1" }
        return response
    }
}

extension Refusal {
    /// 413 for content over `limit` bytes.
    static func contentTooLarge(limit: Int) -> Refusal {
        Refusal(.contentTooLarge, "the content must not be larger than \(limit) bytes here")
    }

    /// 503 while other requests hold all the memory that contents may take.
    static var noRoomForContent: Refusal {
        Refusal(.overloaded, "too much is being uploaded at once; try again in a moment")
    }
}
