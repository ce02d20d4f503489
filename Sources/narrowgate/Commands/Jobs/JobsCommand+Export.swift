import API
import ArgumentParser
import Foundation
import Store
import StrictJSON

extension JobsCommand {
    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a job and everything it names into a folder.",
            discussion: """
                The folder gets job.json, rows.ndjson, rows.csv and the files of all pictures and states that the request or a \
                row names, each under its SHA-256, in images/ and states/.

                  narrowgate jobs export 01JDKQ2T7PXW3N9V5B8CZ4HRAE --output study
                """)

        @Argument(help: "A job's id.") var job: String
        @Option(help: ArgumentHelp("The folder to write, which is new or empty.", valueName: "folder")) var output:
            String
        @OptionGroup var database: DatabaseOptions

        func run() async throws {
            let store = try database.reader()
            let export = JobExport(job: try await store.requiredJob(job), store: store, folder: URL(filePath: output))
            StandardOutput.line(try await export.write())
        }
    }
}
