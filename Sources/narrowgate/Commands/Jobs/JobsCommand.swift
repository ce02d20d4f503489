import ArgumentParser
import Jobs
import Logging
import Store

struct JobsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "Look at the jobs in a database, also while a server writes to it.",
        discussion: """
              narrowgate jobs list
              narrowgate jobs show 01JDKQ2T7PXW3N9V5B8CZ4HRAE
              narrowgate jobs watch 01JDKQ2T7PXW3N9V5B8CZ4HRAE
              narrowgate jobs results 01JDKQ2T7PXW3N9V5B8CZ4HRAE --format csv
              narrowgate jobs export 01JDKQ2T7PXW3N9V5B8CZ4HRAE --output study
              narrowgate jobs replay 01JDKQ2T7PXW3N9V5B8CZ4HRAE/17

            All of these read. cancel writes, or asks the server that does.
            """,
        subcommands: [
            List.self, Show.self, Watch.self, Results.self, Cancel.self, Export.self, Replay.self,
        ], defaultSubcommand: List.self)
}

extension DatabaseOptions {
    /// Where the database is.
    func path() throws -> String { try settings().database ?? Self.defaultDatabase }

    /// The database, opened for reading.
    func reader() throws -> Store {
        startLogging(.error)
        return try Store(path: try path(), access: .readOnly)
    }
}

extension Store {
    /// - throws: `StoreError.unknownJob`.
    func requiredJob(_ id: String) async throws -> JobRecord {
        guard let id = JobIdentifier(id)?.text, let job = try await job(id) else { throw StoreError.unknownJob(id) }
        return job
    }
}
