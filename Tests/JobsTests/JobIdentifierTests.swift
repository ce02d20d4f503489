import Jobs
import Store
import Testing

@Suite("Job identifiers") struct JobIdentifierTests {
    @Test("they rise within a millisecond, when the clock is set back, and after the newest stored one")
    func monotonic() throws {
        let clock = ManualClock()
        let generator = JobIdentifierGenerator(clock: { clock.now.milliseconds })
        var made = (0..<1000).map { _ in generator.next() }
        clock.advance(by: .seconds(-3600))
        made.append(generator.next())
        clock.advance(by: .seconds(7200))
        made.append(generator.next())
        #expect(zip(made, made.dropFirst()).allSatisfy { $0 < $1 && $0.text < $1.text })
        #expect(made[0].milliseconds == 1_800_000_000_000)
        let last = try #require(made.last)
        let later = JobIdentifierGenerator(after: last, clock: { 0 }).next()
        #expect(later > last)
    }

    @Test("text is read back, small letters and look-alikes too; anything else is refused")
    func parsing() throws {
        let identifier = JobIdentifierGenerator().next()
        #expect(identifier.text.utf8.count == 26)
        #expect(JobIdentifier(identifier.text) == identifier)
        #expect(JobIdentifier(identifier.text.lowercased()) == identifier)
        #expect(JobIdentifier("0000000000000000000000000O") == JobIdentifier("00000000000000000000000000"))
        #expect(JobIdentifier("0000000000000000000000000l")?.text == "00000000000000000000000001")
        #expect(JobIdentifier("7ZZZZZZZZZZZZZZZZZZZZZZZZZ")?.text == "7ZZZZZZZZZZZZZZZZZZZZZZZZZ")
        for wrong in ["", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "U0000000000000000000000000", "0", identifier.text + "0"] {
            #expect(JobIdentifier(wrong) == nil)
        }
        let top = try #require(JobIdentifier("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"))
        #expect(JobIdentifierGenerator(after: top).next() < top)
    }
}
