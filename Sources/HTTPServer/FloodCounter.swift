/// Counts what a client may do in bursts but not for ever: a bucket that leaks.
///
/// Knows no clock: the caller says what time it is, in nanoseconds that never go back.
package struct FloodCounter: Sendable {
    private let capacity: Double
    private let forgivenPerNanosecond: Double
    private var level = 0.0
    private var updated: UInt64?

    /// - Parameters:
    ///   - capacity: how many may come at once.
    ///   - forgivenPerSecond: how many are forgotten each second.
    package init(capacity: Int, forgivenPerSecond: Int) {
        self.capacity = Double(capacity)
        forgivenPerNanosecond = Double(forgivenPerSecond) / 1e9
    }

    /// Counts one more; `false` when it is one too many.
    package mutating func allowsOneMore(at now: UInt64) -> Bool {
        if let updated, now > updated {
            level = max(0, level - Double(now - updated) * forgivenPerNanosecond)
        }
        updated = now
        level += 1
        return level <= capacity
    }
}
