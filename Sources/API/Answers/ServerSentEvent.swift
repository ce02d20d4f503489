import HTTPServer
import HTTPTypes
import StrictJSON

/// Events of a `text/event-stream` (WHATWG HTML §9.2).
enum ServerSentEvent {
    static let contentType = "text/event-stream"

    /// Between two signs of life.
    static let pingInterval = Duration.seconds(15)

    /// A comment, which clients ignore.
    static let ping = ": ping\n\n"

    /// One event.
    ///
    /// - Parameters:
    ///   - event: its name; a client hears one without a name as `message`.
    ///   - data: on one line, as JSON is.
    static func text(_ event: String? = nil, id: Int? = nil, data: String) -> String {
        (id.map { "id: \($0)\n" } ?? "") + (event.map { "event: \($0)\n" } ?? "") + "data: \(data)\n\n"
    }

    /// An answer of events, written by `produce`; pings go out meanwhile, so that nobody takes the silence for the end.
    static func response(_ produce: @escaping @Sendable (BodyWriter) async throws -> Void) -> Response {
        Response(
            headerFields: [.contentType: contentType, .cacheControl: "no-store", .vary: "Accept"],
            content: .stream { writer in
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    defer { tasks.cancelAll() }
                    tasks.addTask { try await produce(writer) }
                    tasks.addTask {
                        while true {
                            try await Task.sleep(for: pingInterval)
                            try await writer.write(ping)
                        }
                    }
                    try await tasks.next()
                }
            })
    }
}
