import API
import ArgumentParser
import Store
import StrictJSON

extension JobsCommand {
    struct Results: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show every cell of a job.",
            discussion: """
                table is for people; json is one list as HTTP answers it, ndjson a row a line, csv a table for pandas and R \
                with the columns of pandas.json_normalize.
                """)

        /// How the rows are printed.
        enum Form: String, ExpressibleByArgument, CaseIterable {
            case table, json, ndjson, csv
        }

        @Argument(help: "A job's id.") var job: String
        @Option(help: "How the rows are printed (default: table).") var format: Form?
        @OptionGroup var database: DatabaseOptions
        @Flag(help: "Short for --format ndjson.") var json = false

        func validate() throws {
            if json, let format, format != .ndjson {
                throw ValidationError("--json is --format ndjson, not \(format.rawValue).")
            }
        }

        func run() async throws {
            let store = try database.reader()
            let record = try await store.requiredJob(job)
            if let format = ResultFormat(rawValue: (json ? .ndjson : format ?? .table).rawValue) {
                let rows = ResultRows(CellQuery(job: record.id), limit: nil, in: store)
                return try await rows.write(format) { StandardOutput.write($0) }
            }
            let result = JobRecordRows(job: record, rows: try await store.allRows(of: record.id))
            switch record.kind {
            case "knockout": StandardOutput.lines(KnockoutPage.lines(result))
            case "patch": StandardOutput.lines(PatchPage.lines(result))
            default: StandardOutput.lines(CaptionPage.lines(result))
            }
        }
    }
}
