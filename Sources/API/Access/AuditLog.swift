import HTTPServer
import HTTPTypes
import Logging
import Store

/// Lines about who did what: every request of a key that changes something, and every one that was kept out.
struct AuditLog: Sendable {
    let logger: Logger

    func record(
        _ request: Request, _ context: TraceContext, by key: KeyRecord?, route: String, status: HTTPResponse.Status
    ) {
        let isChange = ![.get, .head, .options].contains(request.method)
        let isRefusal = status == .unauthorized || status == .forbidden
        guard isRefusal || (isChange && key != nil) else { return }
        logger.notice(
            isRefusal ? "kept out" : "changed by a key",
            metadata: [
                "audit": "true", "key": "\(key?.id ?? "none")", "method": "\(request.method.rawValue)",
                "route": "\(route)", "path": "\(request.path.prefix(200))", "status": "\(status.code)",
                "request": "\(context.trace)",
            ])
    }
}
