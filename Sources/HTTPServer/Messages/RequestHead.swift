package import HTTPTypes

/// What is known of a request once its header section is complete, however it was framed.
package struct RequestHead: Sendable, Hashable {
    /// How the content will arrive.
    package enum Content: Sendable, Hashable {
        case none
        /// As many bytes as `Content-Length` says.
        case length(Int)
        /// Until the chunked coding or the stream ends.
        case open
    }

    package let method: HTTPRequest.Method
    package let target: RequestTarget
    package let protocolVersion: Request.ProtocolVersion
    package let headerFields: HTTPFields
    package let authority: Authority?
    package let content: Content
    /// The client waits for `100 Continue` before it sends the content (RFC 9110 §10.1.1).
    package let expectsContinue: Bool
    /// The client wants the connection to stay open. Always true over HTTP/2.
    package let keepsConnection: Bool
}
