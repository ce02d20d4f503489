/// Where a job stands, and the only ways it can go on.
///
///     queued ──claim──▶ running ──succeed──▶ succeeded
///       │               ▲  │  └────fail────▶ failed
///       │         claim └──┤
///       │    (after a crash│or an orderly stop)
///     cancel             cancel
///       │                  ▼
///       │             cancelling ──end──▶ cancelled
///       └────────────────────────────────────▲
///
/// A cancel that was acknowledged wins: however the run ends after it, the job ends `cancelled`. The raw values are the
/// database's. The machine stands in this target because a transition is only legal against the row that the same
/// transaction read; ``Store`` applies it there.
package enum JobStatus: String, Sendable, CaseIterable {
    case queued, running, cancelling
    case succeeded, failed, cancelled

    /// What can happen to a job.
    package enum Event: Sendable, CaseIterable {
        /// A worker takes it, for the first time or after another one's end.
        case claim
        /// A client wants it stopped.
        case requestCancel
        /// The run ended.
        case succeed, fail, cancel

        /// In a sentence: "the job cannot be …".
        package var participle: String {
            switch self {
            case .claim: "claimed"
            case .requestCancel, .cancel: "cancelled"
            case .succeed: "ended as succeeded"
            case .fail: "ended as failed"
            }
        }
    }

    /// Nothing happens to the job any more.
    package var isEnded: Bool {
        switch self {
        case .queued, .running, .cancelling: false
        case .succeeded, .failed, .cancelled: true
        }
    }

    /// The status after `event`, or `nil` where the machine has no such transition.
    package func after(_ event: Event) -> JobStatus? {
        switch (self, event) {
        case (.queued, .claim), (.running, .claim): .running
        case (.cancelling, .claim): .cancelling
        case (.queued, .requestCancel): .cancelled
        case (.running, .requestCancel), (.cancelling, .requestCancel): .cancelling
        case (.running, .succeed): .succeeded
        case (.running, .fail): .failed
        case (.running, .cancel): .cancelled
        case (.cancelling, .succeed), (.cancelling, .fail), (.cancelling, .cancel): .cancelled
        case (.queued, .succeed), (.queued, .fail), (.queued, .cancel): nil
        case (.succeeded, _), (.failed, _), (.cancelled, _): nil
        }
    }
}
