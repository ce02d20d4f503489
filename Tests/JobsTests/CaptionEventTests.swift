import Jobs
import Store
import StrictJSON
import Testing

@Suite("What happens while a caption is made") struct CaptionEventTests {
    @Test("is told in order: begun, each token, the answer, which is stored")
    func order() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            let plan = try await fixture.plan(.caption, ["image": .string(a), "max_tokens": 3, "top_logprobs": 1])
            var events: [CaptionEvent] = []
            for try await event in fixture.service.captionEvents(plan) { events.append(event) }
            #expect(events.count == 5 && events[0] == .begun)
            guard case .done(let answer) = try #require(events.last) else {
                Issue.record("the last is \(events)")
                return
            }
            let tokens = events.compactMap { event -> JSONValue? in
                guard case .token(let token) = event else { return nil }
                return token
            }
            #expect(tokens.count == 3 && answer["tokens"] == .array(tokens))
            let id = try #require(answer["id"]?.stringValue)
            #expect(try await fixture.store.job(id)?.status == .succeeded)
        }
    }

    @Test("ends with the listener: the engine gives up and nothing is stored")
    func listenerGone() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            let plan = try await fixture.plan(.caption, ["image": .string(a), "max_tokens": 3000])
            for try await event in fixture.service.captionEvents(plan) {
                if case .token = event { break }
            }
            try await fixture.service.engine.run(.interactive) { _ in }
            #expect(try await fixture.store.jobs().elements.isEmpty)
        }
    }
}
