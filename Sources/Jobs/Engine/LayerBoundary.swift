/// Where a computation on the engine thread gives way.
///
/// A body calls ``pass()`` between any two layers. There its cancellation is felt, and there, if it is a batch body,
/// waiting interactive bodies run. It cannot be handed to another thread: it is not `Sendable`.
package struct LayerBoundary {
    private let passing: () throws -> Void

    /// A boundary of the caller's own making; without one, passing does nothing. For a computation outside the engine
    /// thread, such as a trace, and for tests.
    package init(passing: @escaping () throws -> Void = {}) {
        self.passing = passing
    }

    /// Goes from one layer to the next, perhaps after others' work.
    ///
    /// - throws: `CancellationError` if nobody waits for this computation any more.
    package func pass() throws {
        try passing()
    }
}
