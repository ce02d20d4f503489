import API
import ArgumentParser
import Store
import StrictJSON

extension JobsCommand {
    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop a job.",
            discussion: """
                A server that has the database is asked over HTTP, and stops at the next layer. Where no process has it, the \
                job ends at once. What was recorded stands.
                """)

        @Argument(help: "A job's id.") var job: String
        @OptionGroup var database: DatabaseOptions
        @OptionGroup var server: ServerOptions
        @Flag(help: "Print what HTTP answers.") var json = false

        func run() async throws {
            let path = try database.path()
            // Opened for reading first: a database that is not there must not be made for the sake of a cancel.
            let id = try await database.reader().requiredJob(job).id
            do {
                let store = try Store(path: path)
                try await report(JobAnswer(try await store.requestCancel(id)).json)
            } catch StoreError.inUse(_, let holder) {
                try await report(try database.ask(holder, "POST", JobAnswer.path(of: id) + "/cancel", trusting: server))
            }
        }

        private func report(_ job: JSONValue) async throws {
            if json { return StandardOutput.line(job.text) }
            StandardOutput.line("\(job["id"]?.stringValue ?? "") \(job["status"]?.stringValue ?? "")")
        }
    }
}
