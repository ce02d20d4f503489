import API
import ArgumentParser
import Glibc
import Store
import StrictJSON

extension JobsCommand {
    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Follow a job to its end.",
            discussion: """
                Draws a progress bar on a terminal, and prints a line an event elsewhere. The exit status is 0 if the job \
                succeeded, 1 if it failed, 2 if it was cancelled.
                """)

        @Argument(help: "A job's id.") var job: String
        @OptionGroup var database: DatabaseOptions
        @Flag(help: "Print the events as over HTTP, one a line.") var json = false

        /// Between two looks at the database: another process writes it, and says nothing.
        private static let pause = Duration.milliseconds(200)

        func run() async throws {
            let store = try database.reader()
            let job = try await store.requiredJob(job)
            let bar = ProgressBar("\(job.kind) on \(job.model)", isShown: !json && StandardError.isTerminal)
            let interrupts = InterruptSignals {
                bar.clear()
                _exit(130)
            }
            defer { interrupts.stop() }
            try await follow(job.id, in: store, bar)
            bar.clear()
            let ended = try await store.requiredJob(job.id)
            if ended.status == .cancelled {
                if bar.isShown { StandardOutput.line("\(ended.id) cancelled, \(ended.progress.text)") }
                throw ExitCode(2)
            }
            try ended.requireSuccess()
            if bar.isShown { StandardOutput.line("\(ended.id) succeeded, \(ended.progress.text)") }
        }

        /// Shows where the job stands and what happens from now on; returns when it has ended.
        private func follow(_ id: String, in store: Store, _ bar: ProgressBar) async throws {
            var speed: WatchedSpeed?
            var last = 0
            while true {
                var page = try await store.events(of: id, after: last)
                // What is past is told by the last of it.
                while speed == nil, page.hasMore, let event = page.elements.last {
                    page = try await store.events(of: id, after: event.sequence)
                }
                for event in speed == nil ? page.elements.suffix(1) : page.elements[...] {
                    let known = speed ?? WatchedSpeed(done: event.progress.done)
                    speed = known
                    last = event.sequence
                    show(event, bar, etaSeconds: known.etaSeconds(event.progress))
                    if event.status.isEnded { return }
                }
                if !page.hasMore { try await Task.sleep(for: Self.pause) }
            }
        }

        private func show(_ event: EventRecord, _ bar: ProgressBar, etaSeconds: Double?) {
            if json {
                StandardOutput.line(event.json.text)
            } else if bar.isShown {
                bar.show(event.progress, etaSeconds: etaSeconds)
            } else {
                StandardOutput.line("\(event.createdAt.text) \(event.status.rawValue), \(event.progress.text)")
            }
        }
    }
}

/// How fast a job has been since somebody watches it.
private struct WatchedSpeed {
    private let began = ContinuousClock.now
    private let done: Int

    init(done: Int) { self.done = done }

    /// Seconds until the last cell, by the speed so far.
    func etaSeconds(_ progress: JobProgress) -> Double? {
        guard progress.done > done else { return nil }
        let left = Double(progress.total - progress.done)
        return (ContinuousClock.now - began) / .seconds(1) / Double(progress.done - done) * left
    }
}

extension JobProgress {
    /// For people: `12 of 240 cells, 1 failed`.
    var text: String { "\(done) of \(total) cells" + (failed > 0 ? ", \(failed) failed" : "") }
}
