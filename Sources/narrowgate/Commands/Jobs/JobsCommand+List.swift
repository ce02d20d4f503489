import API
import ArgumentParser
import Store
import StrictJSON

extension JobsCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List jobs, the newest first.")

        @Option(help: "Only those that are queued, running, cancelling, succeeded, failed or cancelled.") var status:
            String?
        @Option(help: "caption, knockout or patch.") var kind: String?
        @Option(help: "How many at most.") var limit = 20
        @OptionGroup var database: DatabaseOptions
        @Flag(help: "Print what HTTP answers.") var json = false

        func validate() throws {
            if let status, JobStatus(rawValue: status) == nil {
                throw ValidationError(
                    "--status must be one of \(JobStatus.allCases.map(\.rawValue).joined(separator: ", ")).")
            }
            guard (1...1000).contains(limit) else { throw ValidationError("--limit must be 1 to 1000.") }
        }

        func run() async throws {
            let store = try database.reader()
            let query = JobQuery(status: status.flatMap { JobStatus(rawValue: $0) }, kind: kind, limit: limit)
            let page = try await store.jobs(query)
            if json {
                let answers = page.elements.map { JobAnswer($0).json }
                return StandardOutput.line(
                    ListAnswer.json(answers, hasMore: page.hasMore, lastID: page.elements.last?.id).text)
            }
            guard !page.elements.isEmpty else { return StandardOutput.line("no jobs") }
            var table = TextTable(["job", "kind", "model", "status", ">done", ">failed", ">total", "created"])
            for job in page.elements {
                table.add([
                    job.id, job.kind, job.model, job.status.rawValue, "\(job.progress.done)", "\(job.progress.failed)",
                    "\(job.progress.total)", job.createdAt.text,
                ])
            }
            StandardOutput.lines(table.lines)
            if page.hasMore { StandardOutput.line("… and more; raise --limit") }
        }
    }
}
