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
/// Work comes in two lanes. A *batch* body is a stack group of a job and may take minutes. An *interactive* body is what
/// somebody waits for; most begin a caption: they encode a picture and read a prompt, and what follows is decoded with the
/// other captions under way, a token of each in a step (``CaptionBatch``).
///
/// A body passes a ``LayerBoundary`` at every layer. There a batch body lets the interactive ones go ahead, nested on the
/// same stack, while it keeps its buffers; and there an interactive body lets the captions under way have a token each. So a
/// prompt is read in pieces as long as a layer, and others' texts flow on meanwhile:
///
///     batch        ├─ layer 0 ─┤pass                                            ├─ layer 1 ─┤pass
///     caption A                ├─ layer 0 ─┤pass   ├─ layer 1 ─┤pass   ┊t┊ ┊t┊ ┊t┊
///     caption B                             ┊token┊             ┊token┊┊t┊ ┊t┊ ┊t┊
///
/// Invariants:
/// - A body runs on this thread or not at all, and its caller is resumed exactly once: by its end, or by its removal from
///   the queue, which happens under the lock and so to one party only.
/// - Interactive bodies do not nest, and steps do not: at most a batch body, an interactive one and a step are on the stack.
/// - Nobody starves. At a boundary, and between batch bodies, the interactive bodies that waited and the captions that were
///   under way when it was reached are served to their ends; those that come meanwhile join in, and what is left of them
///   waits for the next one. Captions begin in their order.
/// - Cancelling the task that awaits a body removes the body if it has not begun, else it is felt at the next boundary, and
///   by a caption that is decoded before its next token.
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
    ///   - decodingLimits: how many captions are decoded together.
    package init(
        name: String = "engine", niceness: Int32 = 10, stackSize: Int = 16 << 20, interactiveLimit: Int = 64,
        decodingLimits: DecodingLimits = DecodingLimits()
    ) {
        let lanes = EngineLanes(interactiveLimit: interactiveLimit, decodingLimits: decodingLimits)
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
        try await submit { continuation, cancellation in
            Assignment(
                lane: lane, cancellation: cancellation,
                perform: { boundary, _, _ in continuation.resume(with: Result { try body(boundary) }) },
                refuse: { error in continuation.resume(throwing: error) })
        }
    }

    /// Runs `begin` as an interactive body, decodes what it began together with other captions, and returns its answer.
    ///
    /// - Parameters:
    ///   - memory: what the caption holds while it is decoded.
    ///   - begin: encodes and reads; runs when there is room.
    /// - throws: what `begin` and its answer throw; else as ``run(_:_:)``.
    package func decode<T: Sendable>(
        _ memory: DecodingMemory, _ begin: @escaping @Sendable (LayerBoundary) throws -> Decoding<T>
    ) async throws -> T {
        try await submit { continuation, cancellation in
            Assignment(
                lane: .interactive, cancellation: cancellation, caption: memory,
                perform: { boundary, captions, number in
                    do {
                        captions.join(
                            try begin(boundary), .init(number: number, memory: memory, cancellation: cancellation)
                        ) { continuation.resume(with: $0) }
                    } catch {
                        continuation.resume(throwing: error)
                    }
                },
                refuse: { error in continuation.resume(throwing: error) })
        }
    }

    private func submit<T: Sendable>(
        _ assignment: (CheckedContinuation<T, any Error>, CancellationFlag) -> Assignment
    ) async throws -> T {
        let cancellation = CancellationFlag()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<T, any Error>) in
                lanes.submit(assignment(continuation, cancellation))
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
