import ArgumentParser
import Jobs
import Store
import StrictJSON

extension JobsCommand {
    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compute stored rows again and say where they differ.",
            discussion: """
                Takes a job's id, or a row's (JOB/17). The stored request is run on the model that is found here under the \
                job's model's name; nothing is written. Prints equal, or the paths at which a row differs with the stored \
                and the computed value; the exit status is 1 then. Where the row was made by another model, engine or \
                machine, that is said, too.

                  narrowgate jobs replay 01JDKQ2T7PXW3N9V5B8CZ4HRAE
                  narrowgate jobs replay 01JDKQ2T7PXW3N9V5B8CZ4HRAE/17
                """)

        @Argument(help: "A job's id, or a row's.") var id: String
        @OptionGroup var models: ModelOptions
        @OptionGroup var database: DatabaseOptions
        @Flag(help: "Print what POST /v1/verify answers, a row a line.") var json = false

        func run() async throws {
            let store = try database.reader()
            let (job, ordinals) = try await scope(in: store)
            let settings = try database.settings()
            let library = ModelLibrary(
                directories: try ModelFolders.directories(models.folders, file: settings.models ?? []),
                digestCache: Installation.digestCache)
            let engine = EngineThread()
            defer { engine.stop() }
            let service = JobService(
                store: store, models: library, queue: try await JobQueue(store: store), engine: engine)
            let replay = try await service.replay(job)
            let page = ReplayPage()
            let bar = ProgressBar("replaying \(replay.job.kind) on \(replay.job.model)")
            var counts = (rows: 0, different: 0)
            var provenance: [String] = []
            for (number, group) in replay.groups.enumerated() where ordinals?.overlaps(group.ordinals) ?? true {
                for verification in try await replay.verifications(of: group, only: ordinals) {
                    counts.rows += 1
                    if !verification.isEqual { counts.different += 1 }
                    for line in page.provenanceLines(verification) where !provenance.contains(line) {
                        provenance.append(line)
                    }
                    bar.clear()
                    if json {
                        StandardOutput.line(verification.json.text)
                    } else {
                        StandardOutput.lines(page.differenceLines(verification))
                    }
                }
                bar.show(
                    JobProgress(done: number + 1, failed: 0, total: replay.groups.count), etaSeconds: nil)
            }
            bar.clear()
            if !json { StandardOutput.lines(page.conclusion(counts.rows, different: counts.different) + provenance) }
            if counts.different > 0 { throw ExitCode.failure }
        }

        /// The job that is meant, and which of its rows; `nil` for all.
        private func scope(in store: Store) async throws -> (job: JobIdentifier, ordinals: Range<Int>?) {
            if let row = ResultIdentifier(id) {
                guard try await store.cell(job: row.job.text, ordinal: row.ordinal) != nil else {
                    throw UnknownResult(id: row.description)
                }
                return (row.job, row.ordinal..<row.ordinal + 1)
            }
            guard let job = JobIdentifier(try await store.requiredJob(id).id) else { throw StoreError.unknownJob(id) }
            return (job, nil)
        }
    }
}
