package import Store

/// What computes jobs. The worker knows leases, order and recording; the runner knows models.
package protocol JobRunner: Sendable {
    /// Reads a job's request and decides which cells are computed together.
    ///
    /// Called once for each attempt, off the engine thread. The groups must follow from the request alone: a job that is
    /// resumed, perhaps elsewhere, is divided in the same way.
    ///
    /// - throws: anything, if the job cannot run at all (a model that is gone): the job ends `failed` with the error's text.
    func prepare(_ job: JobRecord) async throws -> any JobRun
}

/// A job that is ready to run.
package protocol JobRun: Sendable {
    /// Every cell of the job, each in one group, in the order in which they are to run.
    var groups: [StackGroup] { get }

    /// Fetches what one group needs and says how to compute it.
    ///
    /// This part may wait for the store; what it returns runs on the engine thread, calls `boundary.pass()` between
    /// layers and lets its error through.
    ///
    /// - Returns: a computation that returns a row for each of the group's ordinals, in any order. A cell that cannot be
    ///   computed is a row too, with status `failed`.
    /// - throws: `CancellationError`, here or from the boundary. Any other error makes every cell of the group a failed
    ///   one.
    func computation(of group: StackGroup) async throws -> @Sendable (LayerBoundary) throws -> [CellRecord]

    /// The row of a cell whose group failed as a whole; `message` says why.
    func failedCell(_ ordinal: Int, of group: StackGroup, message: String) -> CellRecord

    /// What the recorded cells add up to, as JSON, when all are there; `nil` if there is nothing to say.
    func summary(of job: JobRecord) async throws -> String?
}

/// Cells that are computed and recorded together: the unit of resuming.
package struct StackGroup: Sendable, Hashable {
    /// Place among the job's groups.
    package let number: Int
    /// The cells' places in the job.
    package let ordinals: Range<Int>

    package init(number: Int, ordinals: Range<Int>) {
        self.number = number
        self.ordinals = ordinals
    }
}
