import Foundation

/// A moment to the millisecond, written as RFC 3339 UTC: `2026-11-24T07:05:09.123Z`.
///
/// The text has a fixed width, so that its order in the database is the order of time.
package struct Timestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Since 1970-01-01T00:00:00Z, leap seconds not counted.
    package let milliseconds: Int64

    /// What four digits of a year can say: years 0000 to 9999.
    private static let range: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999

    /// Moments before year 0 or after year 9999 are moved to those ends.
    package init(milliseconds: Int64) {
        self.milliseconds = min(max(milliseconds, Self.range.lowerBound), Self.range.upperBound)
    }

    package static func now() -> Timestamp {
        Timestamp(milliseconds: Int64((Date().timeIntervalSince1970 * 1000).rounded(.down)))
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.milliseconds < right.milliseconds
    }

    package static func + (moment: Timestamp, duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        let added = whole.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        let sum = moment.milliseconds.addingReportingOverflow(added.partialValue)
        if overflow || added.overflow || sum.overflow {
            return Timestamp(milliseconds: seconds < 0 ? range.lowerBound : range.upperBound)
        }
        return Timestamp(milliseconds: sum.partialValue)
    }

    package var description: String { text }

    /// `yyyy-mm-ddThh:mm:ss.sssZ`
    package var text: String {
        let (days, inDay) = milliseconds.flooredDivision(by: 86_400_000)
        let (year, month, day) = Self.civil(fromDays: days)
        let (hours, inHour) = inDay.quotientAndRemainder(dividingBy: 3_600_000)
        let (minutes, inMinute) = inHour.quotientAndRemainder(dividingBy: 60_000)
        let (seconds, thousandths) = inMinute.quotientAndRemainder(dividingBy: 1000)
        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
        let time = "\(padded(hours, 2)):\(padded(minutes, 2)):\(padded(seconds, 2)).\(padded(thousandths, 3))"
        return "\(date)T\(time)Z"
    }

    /// Reads an RFC 3339 date-time: any offset, any number of fractional digits (those past the third are dropped).
    ///
    /// Returns `nil` for anything else. A leap second (`:60`) is the following second.
    package init?(_ text: String) {
        var rest = Substring(text)
        func number(_ digits: Int, then separators: String?) -> Int64? {
            let head = rest.prefix(digits)
            guard head.utf8.count == digits, head.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            rest = rest.dropFirst(digits)
            if let separators {
                guard let next = rest.first, separators.contains(next) else { return nil }
                rest = rest.dropFirst()
            }
            return Int64(head)
        }
        guard let year = number(4, then: "-"), let month = number(2, then: "-"), let day = number(2, then: "Tt "),
            let hour = number(2, then: ":"), let minute = number(2, then: ":"), let second = number(2, then: nil),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        let days = Self.days(year: year, month: month, day: day)
        guard Self.civil(fromDays: days) == (year, month, day) else { return nil }

        var thousandths: Int64 = 0
        if rest.first == "." {
            let digits = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
            guard !digits.isEmpty else { return nil }
            thousandths = Int64(digits.prefix(3) + String(repeating: "0", count: max(0, 3 - digits.count))) ?? 0
            rest = rest.dropFirst(1 + digits.count)
        }

        var offset: Int64 = 0
        switch rest.first {
        case "Z", "z":
            rest = rest.dropFirst()
        case let sign? where sign == "+" || sign == "-":
            rest = rest.dropFirst()
            guard let hours = number(2, then: ":"), let minutes = number(2, then: nil), hours < 24, minutes < 60
            else { return nil }
            offset = (sign == "-" ? -1 : 1) * (hours * 60 + minutes)
        default:
            return nil
        }
        guard rest.isEmpty else { return nil }
        let minutes = (days * 24 + hour) * 60 + minute - offset
        self.init(milliseconds: (minutes * 60 + second) * 1000 + thousandths)
    }

    /// Days since 1970-01-01 in the proleptic Gregorian calendar; years begin in March, so that the leap day is last.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = month > 2 ? year : year - 1
        let (era, yearOfEra) = marchYear.flooredDivision(by: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = (days + 719_468).flooredDivision(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}

private func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

extension Int64 {
    /// Quotient towards −∞ and the remainder in `0..<divisor`, for moments before 1970.
    fileprivate func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
