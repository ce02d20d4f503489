import ArgumentParser
import Jobs
import StrictJSON

struct CaptionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "caption",
        abstract: "Say what a model sees in pictures.",
        discussion: """
            One picture is answered at once; several are one job. Every answer is stored in the database.

              narrowgate caption cat.png
              narrowgate caption cat.png --preset vqa --question "what colour is it?"
              narrowgate caption cat.png --interventions cut.json

            where cut.json says what is done to the run, as over HTTP:

              {"knockouts": [{"queries": "text", "keys": "eoi"}]}
            """)

    @Argument(help: "PNG or JPEG files.") var pictures: [String]
    @OptionGroup var prompt: PromptOptions
    @Option(help: "The longest caption, in tokens (default: 60).") var maxTokens: Int?
    @Option(help: "0 takes the likeliest token; more than 0 draws (default: 0).") var temperature: Double?
    @Option(help: "Draws from the likeliest tokens that hold this probability (default: 1).") var topP: Double?
    @Option(help: "Decides what is drawn (default: 0).") var seed: Int?
    @Option(help: ArgumentHelp("A file with an interventions object.", valueName: "file.json")) var interventions:
        String?
    @Option(help: "none, brief, or full, which adds the effect at the price of a clean run (default: brief).")
    var receipt: String?
    @OptionGroup var work: WorkOptions

    func run() async throws {
        try await work.run { workplace in
            let model = try work.modelName(in: workplace)
            var request = JSONObject([("model", .string(model))])
            let prompt = try await prompt.json(on: model, in: workplace)
            if pictures.count == 1 {
                request["image"] = .string(pictures[0])
                if let prompt { request["prompt"] = prompt }
            } else {
                request["inputs"] = .array(
                    pictures.enumerated().map { index, picture in
                        ["id": .string("\(index) \(picture)"), "image": .string(picture), "prompt": prompt ?? .null]
                    })
            }
            if let maxTokens { request["max_tokens"] = .integer(maxTokens) }
            if let temperature { request["temperature"] = .number(temperature) }
            if let topP { request["top_p"] = .number(topP) }
            if let seed { request["seed"] = .integer(seed) }
            if let receipt { request["receipt"] = .string(receipt) }
            if let interventions { request["interventions"] = try readJSON(interventions) }
            guard pictures.count == 1, !work.dryRun else {
                return try await work.perform(.caption, request, in: workplace, show: CaptionPage.lines)
            }
            let specification = try workplace.specification(.caption, request)
            let answer = try await workplace.service.caption(try await workplace.plan(specification))
            StandardOutput.lines(work.json ? [answer.text] : CaptionPage.lines(answer))
        }
    }
}
