import HTTPTypes

/// Where a server listens.
package struct BoundAddress: Sendable, Hashable, CustomStringConvertible {
    package let host: String
    package let port: UInt16
    /// Whether it speaks TLS.
    package let isSecure: Bool

    /// The address as a URL without a path, `http://127.0.0.1:8080`.
    package var description: String { url(host) }

    /// The same as this machine reaches it: a wildcard address stands for the loopback one.
    package var local: String {
        switch host {
        case "0.0.0.0": url("127.0.0.1")
        case "::", "[::]": url("::1")
        default: description
        }
    }

    private func url(_ host: String) -> String {
        let isBareIPv6 = host.contains(":") && !host.hasPrefix("[")
        return "\(isSecure ? "https" : "http")://\(isBareIPv6 ? "[\(host)]" : host):\(port)"
    }
}

/// An HTTP server: HTTP/1.1, HTTP/1.0 and HTTP/2 on one port, with prior knowledge or, over TLS, by agreement.
///
/// ```swift
/// let server = Server(configuration) { request in Response(text: "hello, \(request.path)") }
/// print("listening on \(try await server.start())")
/// await server.shutdown(grace: .seconds(10))
/// ```
///
/// The way of a request: the kernel reports a readable socket → ``EventLoop`` reads it and feeds
/// ``HTTP1Parser`` or ``HTTP2Session`` → a ``Request`` → ``ImmediateHandler``, or ``Handler`` in a task of
/// its own → ``Response`` → back on the loop, framed and sent.
package final class Server: Sendable {
    private let configuration: ServerConfiguration
    private let loop: EventLoop

    /// A server that is not listening yet.
    ///
    /// - Parameters:
    ///   - immediate: asked first, on the loop; for health checks and the like.
    ///   - handler: answers everything else, each request in its own task.
    package init(
        _ configuration: ServerConfiguration, immediate: @escaping ImmediateHandler = { _ in nil },
        handler: @escaping Handler
    ) {
        self.configuration = configuration
        loop = EventLoop(configuration: configuration, immediate: immediate, handler: handler)
    }

    /// Begins to accept connections.
    ///
    /// - throws: ``ServerError`` when the address cannot be had, or the certificate is of no use.
    package func start() async throws -> BoundAddress {
        let port = try await loop.start()
        return BoundAddress(host: configuration.host, port: port, isSecure: configuration.tls != nil)
    }

    /// Accepts nothing more, lets requests in progress finish for as long as `grace`, then closes all.
    package func shutdown(grace: Duration) async {
        await loop.shutdown(grace: grace)
    }
}
