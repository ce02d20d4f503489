import Synchronization

/// Tells the first signal from those after it.
final class SignalCount: Sendable {
    private let seen = Atomic<Bool>(false)

    /// Whether this is the first call.
    func isFirst() -> Bool { !seen.exchange(true, ordering: .acquiringAndReleasing) }
}
