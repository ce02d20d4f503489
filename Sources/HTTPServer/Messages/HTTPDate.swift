import Glibc

/// The `Date` field (RFC 9110 §5.6.7), formatted once a second.
struct HTTPDate {
    private var second = time_t.min
    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    private(set) var text = ""
    /// The whole field line with its CRLF.
    private(set) var line: [UInt8] = []

    init() {}

    /// Brings text and line up to `now`, in seconds since 1970.
    mutating func update(_ now: time_t = time(nil)) {
        guard now != second else { return }
        second = now
        var moment = now
        var parts = tm()
        gmtime_r(&moment, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map(Self.twoDigits).joined(separator: ":")
        text =
            "\(days[Int(parts.tm_wday)]), \(Self.twoDigits(parts.tm_mday)) \(months[Int(parts.tm_mon)]) "
            + "\(Int(parts.tm_year) + 1900) \(clock) GMT"
        line = Array("Date: \(text)\r\n".utf8)
    }

    private static func twoDigits(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
