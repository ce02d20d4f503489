/// How many requests may come at once, and how fast more are allowed: `capacity` at first, then as many a minute.
struct TokenBucket: Sendable {
    private let capacity: Double
    private var tokens: Double
    private var filled: ContinuousClock.Instant

    init(perMinute: Int, now: ContinuousClock.Instant = .now) {
        capacity = Double(perMinute)
        tokens = capacity
        filled = now
    }

    /// Takes one.
    ///
    /// - Returns: `nil`, or the seconds after which there is one again, at least 1.
    mutating func take(now: ContinuousClock.Instant = .now) -> Int? {
        let passed = max(0, (now - filled) / .seconds(1))
        tokens = min(capacity, tokens + passed * capacity / 60)
        filled = now
        guard tokens >= 1 else { return max(1, Int(((1 - tokens) * 60 / capacity).rounded(.up))) }
        tokens -= 1
        return nil
    }
}
