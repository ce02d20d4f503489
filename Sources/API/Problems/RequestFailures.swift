import HTTPServer
import HTTPTypes
import Logging

/// What becomes of an error at a request: its problem, and a line in the log where it is the server's fault.
struct RequestFailures: Sendable {
    let logger: Logger

    func problem(of error: any Error, at request: Request) -> Problem {
        let problem =
            Problem(error)
            ?? Problem(
                .internalError,
                "the server failed at this request, which is its fault; its log has it as request \(request.id)")
        if problem.status.code >= 500, problem.code != .notReady {
            logger.error(
                "a request failed",
                metadata: [
                    "request": "\(request.id)", "method": "\(request.method.rawValue)", "path": "\(request.path)",
                    "error": "\(error)",
                ])
        }
        return problem
    }
}
