package import HTTPTypes

/// How a server listens, whom it serves and what it bounds.
package struct ServerConfiguration: Sendable {
    /// A name or address of this machine.
    package var host = "127.0.0.1"
    /// 0 lets the kernel choose; ``Server/start()`` says which.
    package var port: UInt16 = 0
    /// Where there is a certificate, every connection speaks TLS.
    package var tls: TLSFiles?
    package var limits = Limits()
    package var origins = OriginPolicy()
    /// The largest content of a request, in bytes, by what it asks for.
    package var contentLimit: @Sendable (HTTPRequest.Method, RequestTarget) -> Int = { _, _ in 1024 * 1024 }
    /// Whether a request makes no sense without content. Over HTTP/1 it must then say how its content is framed, or is answered
    /// 411: without a word there is none, and somebody has forgotten it.
    package var needsContent: @Sendable (HTTPRequest.Method, RequestTarget) -> Bool = { _, _ in false }
    /// Renders what the server itself refuses. Content must be bytes; a stream is left out.
    package var refusal: @Sendable (Refusal) -> Response = { $0.plainResponse }

    package init() {}

    /// Lets a request in, with the most content it may have, or refuses it.
    func admit(_ head: RequestHead) throws(Refusal) -> Int {
        try origins.check(method: head.method, authority: head.authority, headerFields: head.headerFields)
        if head.content == .none, head.protocolVersion != .http2, needsContent(head.method, head.target),
            head.headerFields[.contentLength] == nil
        {
            throw Refusal(
                .lengthRequired,
                "this needs content, so send Content-Length or, over HTTP/1.1, Transfer-Encoding: chunked")
        }
        return contentLimit(head.method, head.target)
    }
}
