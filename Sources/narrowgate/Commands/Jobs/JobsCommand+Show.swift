import API
import ArgumentParser
import Store
import StrictJSON

extension JobsCommand {
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show jobs and their summaries; several of one kind stand side by side.")

        @Argument(help: "Ids of jobs.") var jobs: [String]
        @OptionGroup var database: DatabaseOptions
        @Flag(help: "Print what HTTP answers, a job a line.") var json = false

        func run() async throws {
            let store = try database.reader()
            var records: [JobRecord] = []
            for id in jobs { records.append(try await store.requiredJob(id)) }
            if json { return StandardOutput.lines(records.map { JobAnswer($0).json.text }) }
            guard Set(records.map(\.kind)).count == 1 else {
                throw CommandError("the jobs are of different kinds; show those of one kind together")
            }
            for job in records {
                let progress = job.progress
                StandardOutput.line(
                    "\(job.id) \(job.kind) on \(job.model): \(job.status.rawValue), \(progress.done) of \(progress.total) cells"
                        + (progress.failed > 0 ? ", \(progress.failed) failed" : ""))
                if let message = job.error.flatMap({ try? JSONParser.parse($0) })?["message"]?.stringValue {
                    StandardOutput.line("  \(message)")
                }
            }
            let summarised = records.filter { $0.summary != nil }.map { JobRecordRows(job: $0, rows: []) }
            guard !summarised.isEmpty else { return }
            let comparison = JobComparison(summarised)
            StandardOutput.lines([""] + comparison.lines)
            if !comparison.plot.isEmpty { StandardOutput.lines([""] + comparison.plot) }
        }
    }
}
