import HTTPServer
import HTTPTypes
import Logging
import Store

/// One line a request, when its answer is complete, at the level `info`.
struct RequestLog: Sendable {
    let logger: Logger

    /// - Parameter isWhole: whether the answer was handed over to its end.
    func record(
        _ request: Request, _ context: TraceContext, by key: KeyRecord?, route: String, status: HTTPResponse.Status,
        since start: ContinuousClock.Instant, isWhole: Bool = true
    ) {
        guard logger.logLevel <= .info else { return }
        let microseconds = Int(((ContinuousClock.now - start) / .microseconds(1)).rounded())
        var metadata: Logger.Metadata = [
            "request": "\(context.trace)", "span": "\(context.span)", "method": "\(request.method.rawValue)",
            "path": "\(request.path.prefix(300))", "route": "\(route)", "status": "\(status.code)",
            "milliseconds": "\(Double(microseconds) / 1000)", "protocol": "\(request.protocolVersion.rawValue)",
            "content_bytes": "\(request.content.count)",
        ]
        if let parent = context.parent { metadata["parent"] = "\(parent)" }
        if let key { metadata["key"] = "\(key.id)" }
        if !isWhole { metadata["broken_off"] = "true" }
        logger.info("request", metadata: metadata)
    }
}
