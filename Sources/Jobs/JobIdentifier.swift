import Foundation
import Synchronization

/// The name of a job: a ULID, 26 characters of Crockford's base 32.
///
/// 48 bits of Unix time in milliseconds, then 80 random bits, so that the order of names is the order of submission and
/// nobody guesses a neighbour's. (github.com/ulid/spec)
package struct JobIdentifier: Sendable, Hashable, Comparable, CustomStringConvertible {
    private static let digits = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    fileprivate let value: UInt128

    fileprivate init(value: UInt128) {
        self.value = value
    }

    /// Reads an identifier as people may type it: small letters, and I, L, O for 1, 1, 0, are understood.
    ///
    /// `nil` for anything that is not 26 such characters within 128 bits.
    package init?(_ text: String) {
        var value: UInt128 = 0
        guard text.utf8.count == 26 else { return nil }
        for byte in text.utf8 {
            let upper = (0x61...0x7A).contains(byte) ? byte - 0x20 : byte
            let digit =
                switch upper {
                case UInt8(ascii: "I"), UInt8(ascii: "L"): UInt8(ascii: "1")
                case UInt8(ascii: "O"): UInt8(ascii: "0")
                default: upper
                }
            guard let index = Self.digits.firstIndex(of: digit), value >> 123 == 0 else { return nil }
            value = value << 5 | UInt128(index)
        }
        self.value = value
    }

    package static func < (left: JobIdentifier, right: JobIdentifier) -> Bool { left.value < right.value }

    package var description: String { text }

    /// 26 characters, upper case: what stands in the database and on the wire.
    package var text: String {
        let bytes = (0..<26).map { place in Self.digits[Int(truncatingIfNeeded: value >> (5 * (25 - place)) & 31)] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Milliseconds since 1970 when it was made.
    package var milliseconds: Int64 { Int64(truncatingIfNeeded: value >> 80) }
}

/// Makes identifiers, each larger than the one before, also within a millisecond and when the clock is set back.
package final class JobIdentifierGenerator: Sendable {
    private let last: Mutex<UInt128>
    private let clock: @Sendable () -> Int64

    /// - Parameters:
    ///   - predecessor: the newest identifier there is; all that are made here come after it.
    ///   - clock: milliseconds since 1970; tests set it.
    package init(after predecessor: JobIdentifier? = nil, clock: (@Sendable () -> Int64)? = nil) {
        last = Mutex(predecessor?.value ?? 0)
        self.clock = clock ?? { Int64(Date().timeIntervalSince1970 * 1000) }
    }

    package func next() -> JobIdentifier {
        let time = UInt128(UInt64(clamping: clock()) & 0xFFFF_FFFF_FFFF)
        let random = UInt128(UInt16.random(in: .min ... .max)) << 64 | UInt128(UInt64.random(in: .min ... .max))
        let fresh = time << 80 | random
        return last.withLock { last in
            // The same millisecond or an earlier one: the successor keeps the order. Its carry runs into the time, which
            // is then a millisecond ahead. The largest of all has none; the store refuses a name that is taken.
            last = fresh >> 80 > last >> 80 || last == .max ? fresh : last + 1
            return JobIdentifier(value: last)
        }
    }
}
