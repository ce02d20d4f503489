import Dispatch
import Glibc

/// SIGINT and SIGTERM: the first asks for an orderly end, the second ends the process at once.
final class InterruptSignals: Sendable {
    private let sources: [Source]

    /// Dispatch's source type is not marked as safe to share, but resuming and cancelling it is.
    private struct Source: @unchecked Sendable {
        let signal: any DispatchSourceSignal
    }

    /// - Parameter onFirst: called once, on a queue of its own.
    init(onFirst: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "narrowgate.signals")
        let count = SignalCount()
        sources = [SIGINT, SIGTERM].map { number in
            // The default disposition would end the process before the source hears of the signal.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if count.isFirst() { onFirst() } else { _exit(128 + number) }
            }
            source.resume()
            return Source(signal: source)
        }
    }

    /// Gives the signals their usual meaning back.
    func stop() {
        for source in sources { source.signal.cancel() }
        for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
    }
}
