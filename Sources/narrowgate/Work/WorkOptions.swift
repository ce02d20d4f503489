import ArgumentParser
import Jobs
import Logging
import Store
import StrictJSON

/// What the commands that compute share.
struct WorkOptions: ParsableArguments {
    @Option(help: "A model's name or folder (default: gate, or the only one there is).")
    var model: String?

    @OptionGroup var models: ModelOptions
    @OptionGroup var database: DatabaseOptions

    @Flag(help: "Print what HTTP answers instead of tables; of jobs, their rows, one a line.")
    var json = false

    @Flag(help: "Say what would be computed and what it would cost, and do not do it.")
    var dryRun = false

    /// Runs `body` where jobs can be run, and closes everything after it.
    func run(requestModel: String? = nil, _ body: (Workplace) async throws -> Void) async throws {
        startLogging(.error)
        var flags = Settings()
        flags.numberFormat = models.numberFormat
        let workplace = try await Workplace(
            settings: try database.settings(flags), folders: models.folders, model: model ?? requestModel)
        do { try await body(workplace) } catch {
            await workplace.close()
            throw error
        }
        await workplace.close()
    }

    /// The name of the model that is meant.
    func modelName(in workplace: Workplace) throws(CommandError) -> String {
        if let model { return ModelFolders.name(of: model) }
        guard let name = workplace.service.models.defaultName else {
            throw CommandError("there is no model here; give --models a folder of checkpoints")
        }
        return name
    }

    /// Runs a request as a job and shows its rows, or what it would cost.
    func perform(
        _ kind: JobKind, _ request: JSONObject, in workplace: Workplace,
        show: (JobRecordRows) -> [String]
    ) async throws {
        let specification = try workplace.specification(kind, request)
        if dryRun || request["dry_run"]?.boolValue == true {
            let plan = try await workplace.plan(specification, pictures: .examineOnly)
            let answer = try await workplace.service.dryRun(plan)
            return StandardOutput.lines(json ? [answer.text] : PlanPage(answer).lines)
        }
        let plan = try await workplace.plan(specification)
        let job = try await workplace.finish(plan)
        let rows = try await workplace.rows(of: job.id)
        if json {
            StandardOutput.lines(rows.map(\.text))
        } else {
            StandardOutput.lines(show(JobRecordRows(job: job, rows: rows)))
        }
        try job.requireSuccess()
    }
}
