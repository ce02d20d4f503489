package import HTTPTypes
import Synchronization

/// One request, whole: its content has arrived, within the limits. Free of how it was framed.
package struct Request: Sendable {
    /// How the request came.
    package enum ProtocolVersion: String, Sendable {
        case http10 = "HTTP/1.0"
        case http11 = "HTTP/1.1"
        case http2 = "HTTP/2"
    }

    /// Counts up within one server; for logs.
    package let id: UInt64
    package let method: HTTPRequest.Method
    package let target: RequestTarget
    package let headerFields: HTTPFields
    package let content: [UInt8]
    package let protocolVersion: ProtocolVersion
    /// What the client called this server, `nil` for HTTP/1.0 clients that did not say.
    package let authority: Authority?
    /// Says when the client is gone. The handler's task is cancelled at the same moment.
    package let cancellation: Cancellation

    package init(
        id: UInt64 = 0, method: HTTPRequest.Method, target: RequestTarget, headerFields: HTTPFields = [:],
        content: [UInt8] = [], protocolVersion: ProtocolVersion = .http11, authority: Authority? = nil,
        cancellation: Cancellation = Cancellation()
    ) {
        self.id = id
        self.method = method
        self.target = target
        self.headerFields = headerFields
        self.content = content
        self.protocolVersion = protocolVersion
        self.authority = authority
        self.cancellation = cancellation
    }

    /// Decoded path segments, see ``RequestTarget/segments``.
    package var segments: [String] { target.segments }
    /// The decoded path, for showing, see ``RequestTarget/path``.
    package var path: String { target.path }
    /// Decoded query items in order.
    package var query: [RequestTarget.QueryItem] { target.query }
    /// Whether the client has gone: nobody will read the answer.
    package var isCancelled: Bool { cancellation.isCancelled }
}

/// Whether the client of a request has gone; may be asked from any thread.
package final class Cancellation: Sendable {
    private let flag = Atomic(false)

    package init() {}

    package var isCancelled: Bool { flag.load(ordering: .relaxed) }

    package func cancel() { flag.store(true, ordering: .relaxed) }
}
