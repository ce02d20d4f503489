/// The right to run one job and to write its cells.
///
/// Whoever claims a job gets a token larger than every token before it. A write names its token and is refused unless it
/// is the row's, so a worker that was thought dead, and wakes up late, can change nothing (a *fencing token*).
package struct Lease: Sendable, Hashable {
    package let job: String
    package let owner: String
    package let token: Int

    package init(job: String, owner: String, token: Int) {
        self.job = job
        self.owner = owner
        self.token = token
    }
}

/// A job that a worker has just taken.
package struct ClaimedJob: Sendable {
    /// As it stands after the claim. Its status is `cancelling` where a cancel outlived the worker that should have felt it.
    package let job: JobRecord
    package let lease: Lease
    package let expiresAt: Timestamp
}
