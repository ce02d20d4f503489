import Store
import Testing

@Suite("Timestamps") struct TimestampTests {
    @Test(
        "a moment is written as RFC 3339 UTC with milliseconds, and read back",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (951_827_696_789, "2000-02-29T12:34:56.789Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"), (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
        ] as [(Int64, String)])
    func text(milliseconds: Int64, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).text == text)
        #expect(Timestamp(text)?.milliseconds == milliseconds)
    }

    @Test(
        "offsets, fractions and small letters are understood",
        arguments: [
            "2026-11-24T08:05:09.123+01:00", "2026-11-24t07:05:09.1239z", "2026-11-24 07:05:09.123456Z",
            "2026-11-23T19:35:09.123-11:30",
        ])
    func variants(text: String) {
        #expect(Timestamp(text)?.text == "2026-11-24T07:05:09.123Z")
    }

    @Test(
        "anything else is refused",
        arguments: [
            "", "2026-11-24", "2026-11-24T07:05:09", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
            "2026-11-24T24:00:00Z", "2026-11-24T07:05:09.Z", "2026-11-24T07:05:09Zx", "2026-11-24T07:05:09+1:00",
            "٢٠٢٦-11-24T07:05:09Z", "2026-11-24T07:05:61Z", "+026-11-24T07:05:09Z",
        ])
    func nonsense(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test("durations are added, and the ends of the calendar hold")
    func addition() {
        #expect((Timestamp(milliseconds: 5) + .milliseconds(1500)).milliseconds == 1505)
        #expect((Timestamp(milliseconds: 0) + .seconds(-1)).text == "1969-12-31T23:59:59.000Z")
        #expect((Timestamp(milliseconds: 0) + .seconds(Int64.max)).text == "9999-12-31T23:59:59.999Z")
        #expect(Timestamp(milliseconds: .min).text == "0000-01-01T00:00:00.000Z")
        #expect(Timestamp.now() > Timestamp(milliseconds: 1_700_000_000_000))
    }
}
