import Dispatch
import Foundation
import GRDB
import Interventions
import Jobs
import Models
import Store
import StrictJSON
import Testing

@Suite("Rows computed again") struct ReplayTests {
    /// Every row of a job, computed again, in order.
    private func replay(_ job: String, _ fixture: ServiceFixture) async throws -> [Verification] {
        let replay = try await fixture.service.replay(try #require(JobIdentifier(job)))
        var verifications: [Verification] = []
        for group in replay.groups { verifications += try await replay.verifications(of: group) }
        return verifications
    }

    private func execute(_ sql: String, _ fixture: ServiceFixture) async throws {
        var configuration = Configuration()
        // The store's writer may be at work.
        configuration.busyMode = .timeout(10)
        try await DatabaseQueue(path: fixture.store.path, configuration: configuration).write {
            try $0.execute(sql: sql)
        }
    }

    /// A request of each kind, with random choices in it.
    private func requests(_ a: String, _ b: String) -> [(JobKind, JSONValue)] {
        let (a, b) = (JSONValue.string(a), JSONValue.string(b))
        return [
            (
                .knockout,
                [
                    "inputs": [["id": "x", "image": a], ["id": "y", "image": b, "prompt": ["chat": "<image>Hm?"]]],
                    "variants": [
                        "eoi", "random_image", "other_image",
                        ["name": "sweep", "knockouts": [["keys": "image", "layers": "from_each", "mode": "mask"]]],
                        [
                            "name": "mixed", "knockouts": [["keys": "soi", "layers": 1]],
                            "patches": [
                                ["site": "resid_in", "layers": 2, "positions": "eoi", "source": ["image": b]]
                            ],
                        ],
                    ], "seed": 11,
                    "measure": [
                        "max_tokens": 4, "captures": [["site": "resid_out", "positions": "eoi"]],
                        "attention": [["layers": 1, "heads": "mean"]], "logit_lens": [["layers": "1...", "top": 2]],
                    ],
                ]
            ),
            (
                .patch,
                [
                    "pairs": [
                        ["base": a, "source": b, "base_token": ["id": 300], "source_token": ["id": 301]],
                        ["base": b, "source": a],
                    ], "measure": ["caption": true, "max_tokens": 3],
                ]
            ),
            (
                .caption,
                [
                    "images": [a, b], "temperature": 1.5, "top_p": 0.9, "seed": 4, "max_tokens": 6, "top_logprobs": 2,
                    "receipt": "full", "interventions": ["knockouts": [["keys": "random_image(3)"]]],
                ]
            ),
        ]
    }

    @Test("every row of every kind of job is equal, bit for bit")
    func equal() async throws {
        try await ServiceFixture.run { fixture in
            let (a, b) = (try await fixture.picture("image_a.png"), try await fixture.picture("image_b.png"))
            for (kind, request) in requests(a, b) {
                let (job, rows) = try await fixture.finish(kind, request)
                #expect(job.status == .succeeded, "\(job.error ?? "")")
                let verifications = try await replay(job.id, fixture)
                #expect(verifications.map(\.result) == rows.map { $0["id"]?.stringValue ?? "" })
                for verification in verifications {
                    #expect(verification.isEqual, "\(verification.json.text)")
                    #expect(verification.provenanceDifferences.isEmpty)
                }
            }
            let now: JSONValue = ["image": .string(a), "temperature": 2, "seed": 9, "max_tokens": 5]
            let answer = try await fixture.service.caption(try await fixture.plan(.caption, now))
            let id = try #require(answer["id"]?.stringValue)
            #expect(try await replay(id, fixture).map(\.isEqual) == [true])
        }
    }

    @Test("a row that was tampered with is found, and where")
    func tampered() async throws {
        try await ServiceFixture.run { fixture in
            let (a, b) = (try await fixture.picture("image_a.png"), try await fixture.picture("image_b.png"))
            let (kind, request) = requests(a, b)[0]
            let (job, rows) = try await fixture.finish(kind, request)
            try await execute(
                """
                UPDATE cells SET document = json_set(document, '$.next_token.top[1].p', 0.25, '$.caption.text', 'a dog')
                WHERE job = '\(job.id)' AND ordinal = 3;
                UPDATE cells SET similarity = 0.125 WHERE job = '\(job.id)' AND ordinal = 4;
                UPDATE cells SET document = json_set(document, '$.provenance.model.fingerprint', 'sha256:other',
                    '$.seconds', 99) WHERE job = '\(job.id)' AND ordinal = 5;
                """, fixture)
            let verifications = try await replay(job.id, fixture)
            #expect(verifications.filter { !$0.isEqual }.map(\.result) == ["\(job.id)/3", "\(job.id)/4"])
            #expect(verifications[3].differences.map(\.path) == ["next_token.top[1].p", "caption.text"])
            #expect(verifications[3].differences[0].stored == 0.25)
            #expect(
                verifications[3].differences[0].computed == rows[3]["next_token"]?["top"]?.arrayValue?[1]["p"])
            #expect(verifications[4].differences.map(\.path) == ["columns.similarity"])
            #expect(verifications[4].differences[0].stored == 0.125)
            #expect(verifications[5].provenanceDifferences.map(\.path) == ["model.fingerprint"])
            let one = try await fixture.service.verify(try #require(ResultIdentifier("\(job.id)/3")))
            #expect(one.differences == verifications[3].differences)
        }
    }

    @Test("a row that failed fails again in the same way")
    func failed() async throws {
        try await ServiceFixture.run { fixture in
            // A file that the store has, and that no decoder reads.
            let broken = try await fixture.store.insert(
                NewImage(content: Array("broken".utf8), format: "png", width: 1, height: 1))
            let a = try await fixture.picture("image_a.png")
            let (job, rows) = try await fixture.finish(
                .knockout,
                [
                    "images": [.string(broken.digest), .string(a)], "variants": ["eoi"], "measure": ["max_tokens": 2],
                ])
            #expect(job.status == .failed)
            #expect(rows.map { $0["status"] } == ["failed", "failed", "ok", "ok"])
            let verifications = try await replay(job.id, fixture)
            #expect(verifications.count == 4 && verifications.allSatisfy(\.isEqual))
        }
    }

    @Test("what cannot be laid out any more, and whose model is gone, is said to be so")
    func impossible() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            let (job, _) = try await fixture.finish(
                .knockout, ["images": [.string(a)], "variants": ["eoi"], "measure": ["max_tokens": 2]])
            func refusal(_ result: String) async throws -> (any Error)? {
                do {
                    _ = try await fixture.service.verify(try #require(ResultIdentifier(result)))
                    return nil
                } catch {
                    return error
                }
            }
            #expect(try await refusal("\(job.id)/2") is UnknownResult)
            let request = job.request
            func change(_ path: String, _ value: String) async throws {
                try await execute(
                    "UPDATE jobs SET request = json_set('\(request)', '\(path)', json('\(value)')) WHERE id = '\(job.id)'",
                    fixture)
            }
            try await change("$.variants[1]", #"{"name": "more", "knockouts": [{"keys": "soi"}]}"#)
            #expect(
                "\(try #require(try await refusal("\(job.id)/1")))".contains("the plan has 3 cells where the job has 2")
            )
            try await change("$.variants[0].knockouts[0].layers", "99")
            #expect("\(try #require(try await refusal("\(job.id)/1")))".contains("no longer fits"))
            try await change("$.news", "1")
            #expect("\(try #require(try await refusal("\(job.id)/1")))".contains("unknown field"))
            try await change("$.model", "\"gone\"")
            #expect(try await refusal("\(job.id)/1") is UnknownModel)
        }
    }

    @Test("replaying is given up when nobody waits for it")
    func cancelled() async throws {
        try await ServiceFixture.run { fixture in
            let a = try await fixture.picture("image_a.png")
            let (job, _) = try await fixture.finish(.caption, ["image": .string(a), "max_tokens": 2])
            let result = try #require(ResultIdentifier("\(job.id)/0"))
            // The engine is kept busy until the verification has been cancelled.
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            let gate = DispatchSemaphore(value: 0)
            let blocking = Task {
                try await fixture.service.engine.run(.batch) { _ in
                    start.finish()
                    gate.wait()
                }
            }
            for await _ in started {}
            let verifying = Task { try await fixture.service.verify(result) }
            while fixture.service.engine.waiting.batch == 0 { await Task.yield() }
            verifying.cancel()
            await #expect(throws: CancellationError.self) { try await verifying.value }
            gate.signal()
            try await blocking.value
        }
    }

    @Test("documents differ where they differ, absent is null, and 1 is 1.0")
    func paths() throws {
        func paths(_ stored: String, _ computed: String) throws -> [String] {
            ValueDifference.list(try JSONParser.parse(stored), try JSONParser.parse(computed)).map(\.path)
        }
        #expect(try paths(#"{"a": 1, "b": null}"#, #"{"a": 1.0, "c": null}"#) == [])
        #expect(
            try paths(#"{"a": {"b": [1, 2]}, "c": "x"}"#, #"{"a": {"b": [1, 3, 4]}, "d": true}"#)
                == ["a.b[1]", "a.b[2]", "c", "d"])
        #expect(try paths(#"{"a": {}}"#, #"{"a": []}"#) == ["a"])
        #expect(try paths("9007199254740993", "9007199254740992") == [""])
        let long = ValueDifference.list(.string(String(repeating: "x", count: 5000)), .null)[0].json
        #expect(long["stored"]?.stringValue?.hasSuffix("… (5002 bytes)") == true)
    }
}
