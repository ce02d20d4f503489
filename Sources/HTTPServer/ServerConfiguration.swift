package import HTTPTypes

/// How a server listens, whom it serves and what it bounds.
package struct ServerConfiguration: Sendable {
    /// A name or address of this machine.
    package var host = "127.0.0.1"
    /// 0 lets the kernel choose; ``Server/start()`` says which.
    package var port: UInt16 = 0
    package var limits = Limits()
    package var origins = OriginPolicy()
    /// The largest content of a request, in bytes, by what it asks for.
    package var contentLimit: @Sendable (HTTPRequest.Method, RequestTarget) -> Int = { _, _ in 1024 * 1024 }
    /// Renders what the server itself refuses. Content must be bytes; a stream is left out.
    package var refusal: @Sendable (Refusal) -> Response = { $0.plainResponse }

    package init() {}

    /// Lets a request in, with the most content it may have, or refuses it.
    func admit(_ head: RequestHead) throws(Refusal) -> Int {
        try origins.check(method: head.method, authority: head.authority, headerFields: head.headerFields)
        return contentLimit(head.method, head.target)
    }
}
