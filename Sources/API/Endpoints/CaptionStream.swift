import HTTPServer
import Jobs
import StrictJSON

/// A caption as server-sent events: `token`, one of the answer's `tokens`, and `done`, the whole answer.
///
/// What goes wrong before the engine has begun is an ordinary problem; after that it is an event `error` with the problem,
/// and the last one. The caption is stored before `done` is sent, exactly as a plain one is. When the client goes, the
/// engine gives up at its next layer and nothing is stored.
struct CaptionStream: Sendable {
    let jobs: JobService
    let failures: RequestFailures

    static func isWanted(by request: Request) -> Bool {
        Acceptance(request.headerFields).prefers(ServerSentEvent.contentType, to: "application/json")
    }

    func response(to request: Request, _ plan: JobPlan) async throws -> Response {
        let events = jobs.captionEvents(plan)
        var beginning = events.makeAsyncIterator()
        let first = try await beginning.next()
        return ServerSentEvent.response { writer in
            if let first { try await send(first, to: writer) }
            do {
                for try await event in events { try await send(event, to: writer) }
            } catch let error as ClientGone {
                throw error
            } catch {
                // A client that has gone reads no problem; a server that is stopped tells its client.
                try Task.checkCancellation()
                let problem = failures.problem(of: error, at: request).json(instance: request.path)
                try await writer.write(ServerSentEvent.text("error", data: problem.text))
            }
        }
    }

    private func send(_ event: CaptionEvent, to writer: BodyWriter) async throws {
        switch event {
        case .begun: break
        case .token(let token): try await writer.write(ServerSentEvent.text("token", data: token.text))
        case .done(let answer): try await writer.write(ServerSentEvent.text("done", data: answer.text))
        }
    }
}
