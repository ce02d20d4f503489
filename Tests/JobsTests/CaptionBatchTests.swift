import Dispatch
import Foundation
import Interventions
import Jobs
import Models
import Store
import StrictJSON
import Synchronization
import Testing

@Suite("Captions decoded together") struct CaptionBatchTests {
    /// Requests with little in common, over two pictures: interventions, prompts, lengths, draws, measurements.
    private static func requests(_ a: String, _ b: String) -> [JSONValue] {
        let (a, b) = (JSONValue.string(a), JSONValue.string(b))
        return [
            ["image": a, "max_tokens": 12],
            ["image": a, "max_tokens": 3, "interventions": ["knockouts": [["keys": "eoi"]]], "receipt": "full"],
            ["image": b, "max_tokens": 9, "temperature": 1.5, "seed": 4, "top_logprobs": 2],
            ["image": a, "max_tokens": 8, "interventions": ["knockouts": [["queries": "all", "keys": "image"]]]],
            [
                "image": a, "max_tokens": 7,
                "interventions": [
                    "patches": [["site": "resid_in", "layers": 2, "positions": "eoi", "source": ["image": b]]],
                    "knockouts": [["keys": "image", "layers": "2...", "heads": [1, 2], "mode": "mask"]],
                ],
            ],
            ["image": b, "max_tokens": 6, "prompt": ["text": "<image>What is it?"]],
            ["image": b, "max_tokens": 5, "measure": ["attention": [["layers": 1, "heads": "mean"]]]],
            ["image": b, "max_tokens": 1, "interventions": ["knockouts": [["keys": "soi", "mode": "mask"]]]],
            ["image": a, "max_tokens": 12],
        ]
    }

    /// An answer without what is another's or another time's.
    private static func essence(_ answer: JSONValue) -> JSONValue {
        var object = answer.objectValue ?? JSONObject()
        for name in ["id", "job", "object", "kind", "status", "input", "error", "seconds"] { object[name] = nil }
        return .object(object)
    }

    /// The engine, kept busy until it is released: what waits for it can be counted without a race.
    private struct Hold {
        let task: Task<Void, any Error>
        let gate: DispatchSemaphore

        func release() async throws {
            gate.signal()
            try await task.value
        }
    }

    private static func hold(_ fixture: ServiceFixture) async -> Hold {
        let engine = fixture.service.engine
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let gate = DispatchSemaphore(value: 0)
        let task = Task {
            try await engine.run(.interactive) { _ in
                begin.finish()
                gate.wait()
            }
        }
        for await _ in begun {}
        return Hold(task: task, gate: gate)
    }

    /// Begins a caption and returns when it waits for the engine as the `place`-th one.
    private static func begin(
        _ request: JSONValue, as place: Int, on fixture: ServiceFixture,
        onBegin: @escaping @Sendable () -> Void = {}, onToken: @escaping @Sendable (GeneratedToken) -> Void = { _ in }
    ) async throws -> Task<JSONValue, any Error> {
        let plan = try await fixture.plan(.caption, request)
        let task = Task { try await fixture.service.caption(plan, onBegin: onBegin, onToken: onToken) }
        while fixture.service.engine.waiting.interactive < place { await Task.yield() }
        return task
    }

    @Test("are, each, to the last bit what they are alone, at once or as a job", arguments: NumberFormat.allCases)
    func equal(in format: NumberFormat) async throws {
        try await ServiceFixture.run(numberFormat: format) { fixture in
            let (a, b) = (try await fixture.picture("image_a.png"), try await fixture.picture("image_b.png"))
            let requests = Self.requests(a, b)
            let holding = await Self.hold(fixture)
            var tasks: [Task<JSONValue, any Error>] = []
            for (index, request) in requests.enumerated() {
                tasks.append(try await Self.begin(request, as: index + 1, on: fixture))
            }
            try await holding.release()
            var together: [JSONValue] = []
            for task in tasks { together.append(try await task.value) }
            // Of the plain prompt on one picture there is one clean run, whoever asks for it and in whatever way.
            try await ServiceFixture.run(numberFormat: format) { other in
                _ = (try await other.picture("image_a.png"), try await other.picture("image_b.png"))
                for (request, together) in zip(requests, together) {
                    let alone = try await other.service.caption(try await other.plan(.caption, request))
                    #expect(Self.essence(together) == Self.essence(alone), "\(request.text)")
                    let rows = try await other.finish(.caption, request).rows
                    #expect(Self.essence(together) == Self.essence(rows[0]), "\(request.text)")
                    let id = try #require(together["id"]?.stringValue)
                    let verified = try await fixture.service.verify(try #require(ResultIdentifier("\(id)/0")))
                    #expect(verified.isEqual, "\(verified.json.text)")
                }
            }
        }
    }

    @Test("share a picture's encoding and the reading of an equal prompt")
    func shared() async throws {
        try await ServiceFixture.run { fixture in
            let a = JSONValue.string(try await fixture.picture("image_a.png"))
            let holding = await Self.hold(fixture)
            var tasks: [Task<JSONValue, any Error>] = []
            for index in 0..<8 {
                let request: JSONValue =
                    index % 2 == 0
                    ? ["image": a, "max_tokens": .integer(2 + index)]
                    : [
                        "image": a, "max_tokens": 4,
                        "interventions": ["knockouts": [["queries": "last", "keys": "eoi"]]],
                    ]
                tasks.append(try await Self.begin(request, as: index + 1, on: fixture))
            }
            try await holding.release()
            for task in tasks { _ = try await task.value }
            let account = fixture.caches.cleanRuns.account
            #expect(account.misses == 1 && account.hits == 7)
        }
    }

    @Test("flow on while another prompt is read, and then take turns")
    func interleaved() async throws {
        try await ServiceFixture.run { fixture in
            let (a, b) = (try await fixture.picture("image_a.png"), try await fixture.picture("image_b.png"))
            let journal = Journal()
            let holding = await Self.hold(fixture)
            let first = try await Self.begin(
                ["image": .string(a), "max_tokens": 300], as: 1, on: fixture, onBegin: { journal.note("A begins") },
                onToken: { _ in journal.note("a") })
            let second = try await Self.begin(
                ["image": .string(b), "max_tokens": 5], as: 2, on: fixture, onBegin: { journal.note("B begins") },
                onToken: { _ in journal.note("b") })
            try await holding.release()
            _ = (try await first.value, try await second.value)
            let lines = journal.all
            let begins = try #require(lines.firstIndex(of: "B begins"))
            let firstToken = try #require(lines.firstIndex(of: "b"))
            let layers = try await fixture.service.models.model(ServiceFixture.model).decoder.configuration.layers
            // A's first token comes with its prompt; then it has one at each boundary that B's reading passes.
            #expect(Array(lines[..<begins]) == ["A begins", "a"])
            #expect(lines[begins + 1..<firstToken].allSatisfy { $0 == "a" })
            #expect(firstToken - begins - 1 >= layers)
            #expect(Array(lines[firstToken..<firstToken + 9]) == ["b", "a", "b", "a", "b", "a", "b", "a", "b"])
            #expect(!lines[(firstToken + 9)...].contains("b"))
        }
    }

    @Test("lose one that nobody waits for before its next token, and go on")
    func cancelled() async throws {
        try await ServiceFixture.run { fixture in
            let (a, b) = (try await fixture.picture("image_a.png"), try await fixture.picture("image_b.png"))
            let journal = Journal()
            let leaving = Mutex<Task<JSONValue, any Error>?>(nil)
            let holding = await Self.hold(fixture)
            let first = try await Self.begin(
                ["image": .string(a), "max_tokens": 3000], as: 1, on: fixture, onToken: { _ in journal.note("a") })
            leaving.withLock { $0 = first }
            let second = try await Self.begin(
                ["image": .string(b), "max_tokens": 6], as: 2, on: fixture,
                onToken: { _ in
                    journal.note("b")
                    leaving.withLock { $0?.cancel() }
                })
            try await holding.release()
            let answer = try await second.value
            #expect(answer["tokens"]?.arrayValue?.count == 6)
            await #expect(throws: CancellationError.self) { try await first.value }
            let lines = journal.all
            let cancelled = try #require(lines.firstIndex(of: "b"))
            #expect(Array(lines[cancelled...]) == Array(repeating: "b", count: 6))
            #expect(try await fixture.store.jobs().elements.count == 1)
        }
    }

    @Test("lose one that fails, and go on")
    func failing() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            // A file that the store has, and that no decoder reads.
            let broken = try await fixture.store.insert(
                NewImage(content: Array("broken".utf8), format: "png", width: 1, height: 1))
            let request: JSONValue = ["image": .string(a), "max_tokens": 20]
            let alone = try await fixture.service.caption(try await fixture.plan(.caption, request))
            let holding = await Self.hold(fixture)
            let first = try await Self.begin(request, as: 1, on: fixture)
            let failing = try await Self.begin(["image": .string(broken.digest)], as: 2, on: fixture)
            let last = try await Self.begin(request, as: 3, on: fixture)
            try await holding.release()
            await #expect(throws: CellFailure.self) { try await failing.value }
            #expect(Self.essence(try await first.value) == Self.essence(alone))
            #expect(Self.essence(try await last.value) == Self.essence(alone))
        }
    }

    @Test("wait for room in their order; other bodies pass them", arguments: [(1, 2 << 30), (32, 1)])
    func room(sequences: Int, bytes: Int) async throws {
        try await ServiceFixture.run(decodingLimits: DecodingLimits(sequences: sequences, bytes: bytes)) { fixture in
            let a = JSONValue.string(try await fixture.picture("image_a.png"))
            let journal = Journal()
            let holding = await Self.hold(fixture)
            var tasks: [Task<JSONValue, any Error>] = []
            for (index, name) in ["a", "b", "c"].enumerated() {
                tasks.append(
                    try await Self.begin(
                        ["image": a, "max_tokens": 3], as: index + 1, on: fixture,
                        onToken: { _ in journal.note(name) }))
            }
            async let passing: Void = fixture.service.engine.run(.interactive) { _ in journal.note("passes") }
            try await holding.release()
            for task in tasks { _ = try await task.value }
            try await passing
            #expect(journal.all == ["a", "passes", "a", "a", "b", "b", "b", "c", "c", "c"])
        }
    }

    @Test("change no bit of a job beside them")
    func beside() async throws {
        try await ServiceFixture.run { fixture in
            let (a, b) = (try await fixture.picture("image_a.png"), try await fixture.picture("image_b.png"))
            let request: JSONValue = [
                "images": [.string(a), .string(b)], "seed": 2, "measure": ["max_tokens": 8],
                "variants": [
                    "eoi", "image_to_text", "random_image", "other_image",
                    ["name": "sweep", "knockouts": [["queries": "all", "keys": "image", "layers": "from_each"]]],
                ],
            ]
            let quiet = try await fixture.finish(.knockout, request).rows
            try await ServiceFixture.run { other in
                _ = (try await other.picture("image_a.png"), try await other.picture("image_b.png"))
                let job = try await other.service.submit(try await other.plan(.knockout, request))
                let ended = Happening()
                let service = other.service
                let captions = try await Self.requests(a, b).asyncMap { try await other.plan(.caption, $0) }
                let traffic = captions.map { plan in
                    Task {
                        repeat { _ = try await service.caption(plan) } while !ended.hasHappened
                    }
                }
                #expect(try await other.service.queue.wait(for: job.id).status == .succeeded)
                ended.happen()
                for task in traffic { try await task.value }
                let rows = try await other.store.cells(CellQuery(job: job.id, limit: 1000)).elements
                #expect(
                    try rows.map { Self.essence(try JSONParser.parse($0.document)) } == quiet.map { Self.essence($0) })
            }
        }
    }
}

extension Sequence where Element: Sendable {
    fileprivate func asyncMap<T>(_ transform: (Element) async throws -> T) async rethrows -> [T] {
        var result: [T] = []
        for element in self { result.append(try await transform(element)) }
        return result
    }
}
