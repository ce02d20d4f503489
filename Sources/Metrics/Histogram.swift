import Synchronization

/// How long something took, as counts of how many took no longer than each of some bounds.
package final class Histogram: Sendable {
    /// What was observed until one moment.
    package struct Snapshot: Sendable, Equatable {
        /// Seconds, ascending; beyond the last there is one count more.
        package let bounds: [Double]
        /// Each bucket's own observations, not those of the buckets before it.
        package var counts: [Int]
        /// Seconds, of all observations.
        package var sum: Double

        package var count: Int { counts.reduce(0, +) }
    }

    /// From a row that is read to a caption of a large model.
    package static let usualBounds = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120,
    ]

    private let state: Mutex<Snapshot>

    /// - Parameter bounds: seconds, ascending.
    package init(bounds: [Double] = Histogram.usualBounds) {
        state = Mutex(Snapshot(bounds: bounds, counts: Array(repeating: 0, count: bounds.count + 1), sum: 0))
    }

    package func observe(_ seconds: Double) {
        state.withLock { state in
            let bucket = state.bounds.firstIndex { seconds <= $0 } ?? state.bounds.count
            state.counts[bucket] += 1
            state.sum += seconds
        }
    }

    /// Observes the time from `start` until now.
    package func observe(since start: ContinuousClock.Instant) {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        observe(Double(seconds) + Double(attoseconds) * 1e-18)
    }

    package var snapshot: Snapshot { state.withLock { $0 } }
}
