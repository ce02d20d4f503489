import HTTPServer
import Jobs
import Models
import StrictJSON

/// A chat completion as it is made: chunks as server-sent events without names, and `[DONE]`.
///
/// What goes wrong before the engine has begun is an ordinary error; after that it is a last event with `error`, which
/// OpenAI's clients raise. When the client goes, the engine gives up at its next layer.
struct ChatStream: Sendable {
    let jobs: JobService
    let failures: RequestFailures

    /// An event of one of the captions.
    private typealias Event = (caption: Int, event: CaptionEvent)

    func response(
        to request: Request, _ chat: ChatRequest, plans: [JobPlan], completion: ChatCompletion
    ) async throws -> Response {
        let (events, work) = self.events(of: plans)
        var beginning = events.makeAsyncIterator()
        let first = try await beginning.next()
        guard let model = plans.first?.model else { throw CancellationError() }
        return ServerSentEvent.response { writer in
            // Whoever still holds the answer: nobody reads on.
            defer { work.cancel() }
            var chunks = ChatChunks(chat, completion: completion, model: model)
            func send(_ event: Event) async throws {
                for chunk in chunks.chunks(of: event.caption, event.event) {
                    try await writer.write(ServerSentEvent.text(data: chunk.text))
                }
            }
            do {
                if let first { try await send(first) }
                for try await event in events { try await send(event) }
                for chunk in chunks.last { try await writer.write(ServerSentEvent.text(data: chunk.text)) }
                try await writer.write(ServerSentEvent.text(data: "[DONE]"))
            } catch let error as ClientGone {
                throw error
            } catch {
                // A client that has gone reads no error; a server that is stopped tells its client.
                try Task.checkCancellation()
                let problem = failures.problem(of: error, at: request)
                try await writer.write(ServerSentEvent.text(data: problem.openAIJSON.text))
            }
        }
    }

    /// What happens to all captions together; ends when all are done, or the first has failed.
    private func events(
        of plans: [JobPlan]
    ) -> (events: AsyncThrowingStream<Event, any Error>, work: Task<Void, Never>) {
        let (events, listener) = AsyncThrowingStream.makeStream(of: Event.self)
        let work = Task { [jobs] in
            do {
                try await withThrowingTaskGroup(of: Void.self) { captions in
                    for (index, plan) in plans.enumerated() {
                        captions.addTask {
                            for try await event in jobs.captionEvents(plan) { listener.yield((index, event)) }
                        }
                    }
                    try await captions.waitForAll()
                }
                listener.finish()
            } catch {
                listener.finish(throwing: error)
            }
        }
        listener.onTermination = { _ in work.cancel() }
        return (events, work)
    }
}

/// Turns what happens to captions into the chunks of their choices.
private struct ChatChunks {
    /// A caption while it grows.
    private struct Growth {
        var text: GrowingText
        var tokens: [Int] = []
        var answer: JSONValue?
    }

    private let chat: ChatRequest
    private let completion: ChatCompletion
    private let model: VisionLanguageModel
    private var growths: [Growth]

    init(_ chat: ChatRequest, completion: ChatCompletion, model: VisionLanguageModel) {
        self.chat = chat
        self.completion = completion
        self.model = model
        growths = (0..<chat.captionCount).map { _ in Growth(text: GrowingText(stops: chat.stops)) }
    }

    mutating func chunks(of caption: Int, _ event: CaptionEvent) -> [JSONValue] {
        let choices = chat.choices(ofCaption: caption)
        switch event {
        case .begun:
            return choices.map {
                completion.chunk($0, delta: ["role": "assistant", "content": "", "refusal": .null])
            }
        case .token(let token):
            growths[caption].tokens.append(token["id"]?.integerValue ?? 0)
            let text = model.text(of: growths[caption].tokens, skippingSpecialTokens: true)
            let piece = growths[caption].text.grow(to: text)
            let tokens = chat.givesLogprobs ? [token] : []
            guard !piece.isEmpty || !tokens.isEmpty else { return [] }
            return choices.map { completion.chunk($0, delta: ["content": .string(piece)], tokens: tokens) }
        case .done(let answer):
            growths[caption].answer = answer
            let piece = growths[caption].text.finish(answer["caption"]?.stringValue ?? "")
            return choices.flatMap { choice in
                (piece.isEmpty ? [] : [completion.chunk(choice, delta: ["content": .string(piece)])])
                    + [completion.chunk(choice, delta: [:], end: answer)]
            }
        }
    }

    /// What stands before the end.
    var last: [JSONValue] {
        guard chat.countsUsage else { return [] }
        let answers = (0..<chat.captionCount).flatMap { caption in
            chat.choices(ofCaption: caption).compactMap { _ in growths[caption].answer }
        }
        return [completion.usageChunk(answers)]
    }
}
