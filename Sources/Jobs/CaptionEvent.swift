package import StrictJSON

/// What happens while a caption is made.
package enum CaptionEvent: Sendable, Equatable {
    /// The engine has begun. What goes wrong from here on goes wrong in the middle.
    case begun
    /// A token was chosen: one of the answer's `tokens`.
    case token(JSONValue)
    /// The whole answer, which is stored by now.
    case done(JSONValue)
}

extension JobService {
    /// Captions one picture as ``caption(_:onBegin:onToken:)`` does, and tells what happens meanwhile.
    ///
    /// When nobody listens any more, because the listening task was cancelled or let the stream go, the engine gives up at
    /// its next layer, and nothing is stored.
    package func captionEvents(_ plan: JobPlan) -> AsyncThrowingStream<CaptionEvent, any Error> {
        let (events, listener) = AsyncThrowingStream.makeStream(of: CaptionEvent.self)
        let work = Task {
            do {
                let answer = try await caption(
                    plan, onBegin: { listener.yield(.begun) }, onToken: { listener.yield(.token($0.json)) })
                listener.yield(.done(answer))
                listener.finish()
            } catch {
                listener.finish(throwing: error)
            }
        }
        listener.onTermination = { _ in work.cancel() }
        return events
    }
}
