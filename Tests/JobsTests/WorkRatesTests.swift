import Interventions
import Jobs
import Models
import Store
import StrictJSON
import Testing

@Suite("What a job will cost") struct WorkRatesTests {
    @Test("each kind of work has its own speed, and recent work counts most")
    func rates() {
        var rates = WorkRates()
        rates.add(.encoding, seconds: 2)
        rates.add(.encoding, seconds: 4)
        #expect(abs((rates.encoding ?? 0) - 2.6) < 1e-12)
        rates.add(.reading(tokenLayers: 100), seconds: 1)
        rates.add(.reading(tokenLayers: 0), seconds: 1)
        #expect(rates.reading == 0.01)
        rates.add(.text(tokens: 12, isWhole: false), seconds: 0)
        #expect(rates.textLength == 12)
        rates.add(.text(tokens: 2, isWhole: true), seconds: 0)
        #expect(abs((rates.textLength ?? 0) - 9) < 1e-12)
    }

    @Test("a pass between two that were measured lies on the line between them, a longer one is in proportion")
    func passes() {
        var rates = WorkRates()
        #expect(rates.pass(rows: 3) == 0)
        rates.add(.pass(rows: 2), seconds: 1)
        rates.add(.pass(rows: 10), seconds: 2)
        rates.add(.pass(rows: 0), seconds: 7)
        #expect(rates.pass(rows: 1) == 1 && rates.pass(rows: 2) == 1)
        #expect(rates.pass(rows: 6) == 1.5 && rates.pass(rows: 10) == 2)
        #expect(rates.pass(rows: 40) == 8)
        // 100 rows are told apart from 128 in proportion only.
        rates.add(.pass(rows: 100), seconds: 10)
        #expect(abs(rates.pass(rows: 100) - (2 + 90.0 / 118 * (12.8 - 2))) < 1e-12)
        #expect(rates.passes.keys.sorted() == [2, 10, 128])
    }

    @Test("a job's seconds are the sum over the kinds of its work; texts end where texts ended before")
    func seconds() {
        var rates = WorkRates()
        rates.add(.encoding, seconds: 3)
        rates.add(.reading(tokenLayers: 10), seconds: 1)
        rates.add(.pass(rows: 1), seconds: 0.5)
        rates.add(.pass(rows: 5), seconds: 1)
        var work = PlannedWork()
        work.encodings = 2
        work.tokenLayersRead = 30
        work.passes = [5: 2]
        work.texts = [5: 1, 1: 2]
        work.maximumTokens = 8
        #expect(abs(rates.seconds(for: work) - (6 + 3 + 2 + 8 * 1 + 8 * 2 * 0.5)) < 1e-9)
        rates.add(.text(tokens: 4, isWhole: true), seconds: 0)
        #expect(abs(rates.seconds(for: work) - (6 + 3 + 2 + 4 * 1 + 4 * 2 * 0.5)) < 1e-9)
        let before = rates.seconds(for: work)
        (work.cells, work.groups) = (100, 3)
        #expect(abs(rates.seconds(for: work) - before - 100 * rates.cell - 3 * rates.group) < 1e-9)
        // Far more than before is believed step by step.
        let (cell, group) = (rates.cell, rates.group)
        rates.add(.cells(50), seconds: 5)
        rates.add(.group, seconds: 2)
        #expect(abs(rates.cell / cell - 1.6) < 1e-9 && abs(rates.group / group - 1.6) < 1e-9)
        for _ in 0..<20 { rates.add(.cells(50), seconds: 5) }
        #expect(abs(rates.cell - 0.1) < 1e-3)
    }

    @Test("what the caches hold is not promised again")
    func found() async throws {
        try await ServiceFixture.run { fixture in
            let (a, b) = (try await fixture.picture("image_a.png"), try await fixture.picture("image_b.png"))
            let request: JSONValue = ["pairs": [["base": .string(a), "source": .string(b)]]]
            let before = try await fixture.service.dryRun(try await fixture.plan(.patch, request))
            #expect(before["encodings"] == 2 && before["clean_runs"] == 2)
            #expect(try await fixture.finish(.patch, request).job.status == .succeeded)
            let after = try await fixture.service.dryRun(try await fixture.plan(.patch, request))
            #expect(after["encodings"] == 0 && after["clean_runs"] == 2)
            #expect(after["token_layers"] == before["token_layers"])
            #expect((after["estimated_seconds"]?.doubleValue ?? 1) < (before["estimated_seconds"]?.doubleValue ?? 0))
        }
    }

    @Test("a dry run's peak is what the process holds and what the job needs beside")
    func memory() async throws {
        try await ServiceFixture.run { fixture in
            let (a, b) = (try await fixture.picture("image_a.png"), try await fixture.picture("image_b.png"))
            let request: JSONValue = ["pairs": [["base": .string(a), "source": .string(b)]]]
            let plan = try await fixture.service.dryRun(try await fixture.plan(.patch, request))
            let (peak, resident) = (plan["peak_bytes"]?.integerValue ?? 0, plan["resident_bytes"]?.integerValue ?? 0)
            #expect(resident > 1 << 20 && peak >= resident)
        }
    }

    @Test("image codes are kept up to their budget, the least recently used go first, and without pixels")
    func imageCodes() async throws {
        let model = try await ServiceFixture().service.models.model(ServiceFixture.model)
        let image = try model.encodeTestPicture(0)
        let bytes = 16 * image.codes.count
        let cache = EncodedImageCache(budget: 2 * bytes)
        for digest in ["a", "b", "a", "c"] {
            let kept = try cache.image(digest, on: model) { image }
            #expect(kept.codes == image.codes && kept.pixelValues.isEmpty)
        }
        #expect(cache.account.images == 2 && cache.account.bytes == 2 * bytes)
        #expect(try cache.found("b", on: model) == nil && cache.found("a", on: model) != nil)
        let none = EncodedImageCache(budget: 0)
        #expect(try none.image("a", on: model) { image }.codes == image.codes)
        #expect(none.account.images == 0)
    }
}
