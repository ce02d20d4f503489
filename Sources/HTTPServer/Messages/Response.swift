package import HTTPTypes

/// An answer, free of how it will be framed.
///
/// The server adds `Date`, `Content-Length` or, for a stream of unknown length, the chunked coding, and what the connection needs;
/// fields of those names set here are left out. `HEAD` is answered with the fields alone.
package struct Response: Sendable {
    /// What is answered.
    package enum Content: Sendable {
        /// All of it, with its length.
        case bytes([UInt8])
        /// Piece by piece, as `produce` writes it. Its task is cancelled when the client goes; if it
        /// throws, the client sees the answer break off, never one that looks complete.
        case stream(@Sendable (BodyWriter) async throws -> Void)
    }

    package var status: HTTPResponse.Status { didSet { prepared = nil } }
    package var headerFields: HTTPFields { didSet { prepared = nil } }
    package var content: Content
    /// Of a stream whose length is known: how many bytes it will have. It is announced, and a stream of another length
    /// breaks off.
    package var contentLength: Int?
    /// Status and fields as they will be sent, where somebody has seen to it.
    private(set) var prepared: PreparedFields?

    package init(status: HTTPResponse.Status = .ok, headerFields: HTTPFields = [:], content: Content = .bytes([])) {
        self.status = status
        self.headerFields = headerFields
        self.content = content
    }

    /// The same answer with its status and fields written already, for answers that are given again and again.
    package func preparedOnce() -> Response {
        var response = self
        response.prepared = PreparedFields(self)
        return response
    }

    /// An answer in plain text.
    package init(status: HTTPResponse.Status = .ok, text: String) {
        self.init(
            status: status, headerFields: [.contentType: "text/plain; charset=utf-8"], content: .bytes(Array(text.utf8))
        )
    }

    /// Whether this status is answered without content (RFC 9110 §6.4.1).
    var statusForbidsContent: Bool { status.code == 204 || status.code == 304 || status.code < 200 }
}

/// Status and fields of an answer as each protocol has them.
final class PreparedFields: Sendable {
    /// The status line and the field lines of HTTP/1.1.
    let http1: [UInt8]
    let http2: HTTP2Fields.Block

    fileprivate init(_ response: Response) {
        var lines: [UInt8] = []
        HTTP1Writer.appendFields(response, to: &lines)
        http1 = lines
        http2 = HTTP2Fields.Block(response)
    }
}

/// Where a streamed answer is written.
package struct BodyWriter: Sendable {
    private let put: @Sendable ([UInt8]) async throws -> Void

    /// A writer that hands each piece to `put`, which suspends while the reader is behind.
    package init(_ put: @escaping @Sendable ([UInt8]) async throws -> Void) {
        self.put = put
    }

    /// Sends `bytes`; returns once the client is not further behind than ``Limits/writeBehind``.
    ///
    /// - throws: ``ClientGone`` when nobody reads any more.
    package func write(_ bytes: [UInt8]) async throws {
        try await put(bytes)
    }

    /// Sends the UTF-8 of `text`.
    package func write(_ text: String) async throws {
        try await put(Array(text.utf8))
    }
}

/// The client closed or reset the connection or the stream before the answer was complete.
package struct ClientGone: Error, Sendable, Equatable {
    package init() {}
}

/// What answers requests. It runs as its own task, never on the server's loop.
package typealias Handler = @Sendable (Request) async -> Response

/// Answers cheap requests at once, on the server's loop; `nil` hands the request to the ``Handler``.
/// It must return within microseconds, because everybody else waits, and with bytes: a stream is left
/// to the handler.
package typealias ImmediateHandler = @Sendable (Request) -> Response?
