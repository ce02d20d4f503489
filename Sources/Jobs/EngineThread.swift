import CLinux
import Foundation
import Glibc
import Models
import Synchronization

/// The one thread on which models are computed.
///
/// One, because OpenMP and OpenBLAS keep a team of threads for every calling thread; long-lived, for the same reason; and
/// at a lower priority than the server's threads, so that a machine under full load still answers.
///
/// Work comes in two lanes. A *batch* body is a stack group of a job and may take minutes. An *interactive* body is a
/// caption that somebody waits for. A batch body passes a ``LayerBoundary`` at every layer; whatever interactive bodies
/// wait at that moment run right there, nested on the same stack, while the batch keeps its buffers:
///
///     batch        ├─ layer 0 ─┤pass              ├─ layer 1 ─┤pass├─ layer 2 ─┤
///     interactive              ├─ caption ─┤
///
/// Invariants:
/// - A body runs on this thread or not at all, and its caller is resumed exactly once: by its end, or by its removal from
///   the queue, which happens under the lock and so to one party only.
/// - Interactive bodies do not nest: at most two bodies are on the stack.
/// - Nobody starves. At a boundary, and between batch bodies, only those interactive bodies run that waited when it was
///   reached; those that come meanwhile wait for the next one.
/// - Cancelling the task that awaits a body removes the body if it has not begun, else it is felt at the next boundary.
package final class EngineThread: Sendable {
    package enum Lane: Sendable {
        case interactive, batch
    }

    private let lanes: EngineLanes

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - niceness: added to the thread's nice value, 0...19.
    ///   - stackSize: bytes; room for an interactive body on top of a batch body.
    ///   - interactiveLimit: how many interactive bodies may wait.
    package init(
        name: String = "engine", niceness: Int32 = 10, stackSize: Int = 16 << 20, interactiveLimit: Int = 64
    ) {
        let lanes = EngineLanes(interactiveLimit: interactiveLimit)
        self.lanes = lanes
        // The thread holds the lanes, not this object: when the last user lets go, deinit ends it.
        let thread = Thread {
            // Linux counts priority by thread when it is given a thread's id.
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(clinux_gettid()), niceness)
            NumericKernels.prepare()
            lanes.serve()
        }
        thread.name = name
        thread.stackSize = stackSize
        thread.start()
    }

    deinit { lanes.stop() }

    /// Runs `body` on the engine thread and returns what it returns.
    ///
    /// - throws: what the body throws; `CancellationError` when the awaiting task is cancelled, at the latest at the body's
    ///   next boundary; ``EngineError/busy(limit:)`` when too many interactive bodies wait; ``EngineError/stopped``.
    package func run<T: Sendable>(_ lane: Lane, _ body: @escaping @Sendable (LayerBoundary) throws -> T) async throws
        -> T
    {
        let cancellation = CancellationFlag()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<T, any Error>) in
                lanes.submit(
                    Assignment(
                        lane: lane, cancellation: cancellation,
                        perform: { boundary in continuation.resume(with: Result { try body(boundary) }) },
                        refuse: { error in continuation.resume(throwing: error) }))
            }
        } onCancel: {
            cancellation.raise()
            lanes.removeCancelled()
        }
    }

    /// How many bodies wait in each lane now.
    package var waiting: (interactive: Int, batch: Int) { lanes.waiting }

    /// Ends the thread: the bodies on it are cancelled at their next boundary, those that wait are refused.
    package func stop() {
        lanes.stop()
    }
}

/// Why the engine thread did not run a body.
package enum EngineError: Error, Sendable, Equatable, CustomStringConvertible {
    /// As many interactive bodies wait as may: try again in a moment.
    case busy(limit: Int)
    /// The engine is shutting down.
    case stopped

    package var description: String {
        switch self {
        case .busy(let limit): "\(limit) requests already wait for the engine; try again in a moment."
        case .stopped: "The engine has been stopped."
        }
    }
}
