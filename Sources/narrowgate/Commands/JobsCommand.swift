import API
import ArgumentParser
import Jobs
import Logging
import Store
import StrictJSON

struct JobsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "Look at the jobs in a database, also while a server writes to it.",
        discussion: """
              narrowgate jobs list
              narrowgate jobs show 01JDKQ2T7PXW3N9V5B8CZ4HRAE
              narrowgate jobs results 01JDKQ2T7PXW3N9V5B8CZ4HRAE --json
            """,
        subcommands: [List.self, Show.self, Results.self], defaultSubcommand: List.self)
}

extension DatabaseOptions {
    /// The database, opened for reading.
    fileprivate func reader() throws -> Store {
        startLogging(.error)
        return try Store(path: try settings().database ?? Self.defaultDatabase, access: .readOnly)
    }
}

extension Store {
    fileprivate func requiredJob(_ id: String) async throws -> JobRecord {
        guard let id = JobIdentifier(id)?.text, let job = try await job(id) else { throw StoreError.unknownJob(id) }
        return job
    }
}

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

    struct Results: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show every cell of a job.")

        @Argument(help: "A job's id.") var job: String
        @OptionGroup var database: DatabaseOptions
        @Flag(help: "Print the rows as over HTTP, one a line.") var json = false

        func run() async throws {
            let store = try database.reader()
            let record = try await store.requiredJob(job)
            let result = JobRecordRows(job: record, rows: try await store.allRows(of: record.id))
            if json { return StandardOutput.lines(result.rows.map(\.text)) }
            switch record.kind {
            case "knockout": StandardOutput.lines(KnockoutPage.lines(result))
            case "patch": StandardOutput.lines(PatchPage.lines(result))
            default: StandardOutput.lines(CaptionPage.lines(result))
            }
        }
    }
}
