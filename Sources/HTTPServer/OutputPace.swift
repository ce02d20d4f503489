/// How fast a client takes what waits for it: against clients that read next to nothing and so hold an answer for ever.
///
/// The clock runs only while something waits. Knows no clock itself: the caller says what time it is, in nanoseconds that never
/// go back.
struct OutputPace: Sendable {
    private var began: UInt64
    private var moved: UInt64
    private var taken = 0

    init(now: UInt64) {
        began = now
        moved = now
    }

    /// Something begins to wait.
    mutating func begin(now: UInt64) {
        self = OutputPace(now: now)
    }

    /// The client took `count` bytes of it.
    mutating func took(_ count: Int, now: UInt64) {
        guard count > 0 else { return }
        taken += count
        moved = now
    }

    /// Whether nothing moved for ``Limits/writeTimeout``, or less than ``Limits/writeRate`` for so long that it adds up to that.
    func isTooSlow(now: UInt64, limits: Limits) -> Bool {
        let patience = limits.writeTimeout.nanoseconds
        return now > moved + patience
            || now > began + patience + UInt64(taken) * 1_000_000_000 / UInt64(max(1, limits.writeRate))
    }
}
