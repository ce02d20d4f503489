import ArgumentParser
import Jobs
import StrictJSON

struct KnockoutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "knockout",
        abstract: "Cut attention edges and see what changes.",
        discussion: """
            Runs every picture clean and under every variant, and compares the next token and the caption. Variants \
            have names (narrowgate models NAME lists them), or are spelled out in a request file as over HTTP:

              narrowgate knockout cat.png dog.png --variants eoi,image_to_text
              narrowgate knockout --request study.json

            where study.json may name files as its images:

              {"images": ["cat.png"], "variants": [{"name": "late", "knockouts": [{"keys": "eoi", "layers": "4..<8"}]}]}

            The columns: similarity is the overlap of the clean and the cut distribution over the next token (1 means \
            that nothing changed), effect is what is left of it to 1, cut mass the mean attention on the cut edges.
            """)

    @Argument(help: "PNG or JPEG files.") var pictures: [String] = []
    @Option(help: "Named variants, separated by commas.") var variants: String?
    @OptionGroup var prompt: PromptOptions
    @Option(help: "The longest caption, in tokens (default: 60).") var maxTokens: Int?
    @Flag(help: "Compare the next token only.") var noCaption = false
    @Option(help: "Decides random choices (default: 0).") var seed: Int?
    @Option(
        help: ArgumentHelp(
            "A file with the whole request, instead of the above; - reads standard input.", valueName: "file.json"))
    var request: String?
    @OptionGroup var work: WorkOptions

    func validate() throws {
        if request == nil {
            guard !pictures.isEmpty else { throw ValidationError("give pictures, or --request FILE.json.") }
            guard variants != nil else {
                throw ValidationError("give --variants, for example --variants eoi,image_to_text.")
            }
        } else if !pictures.isEmpty || variants != nil || seed != nil || maxTokens != nil || noCaption {
            throw ValidationError("--request says everything; give pictures, variants, seed and captions there.")
        }
    }

    func run() async throws {
        let given = try request.map { path throws(CommandError) in try readJSONObject(path) }
        try await work.run(requestModel: given?["model"]?.stringValue) { workplace in
            var request = given ?? JSONObject()
            if given == nil { request = try await self.request(in: workplace) }
            try await work.perform(
                .knockout, try work.naming(request, in: workplace), in: workplace, show: KnockoutPage.lines)
        }
    }

    private func request(in workplace: Workplace) async throws -> JSONObject {
        let prompt = try await prompt.json(on: try work.modelName(in: workplace), in: workplace)
        var request = JSONObject([
            (
                "inputs",
                .array(
                    pictures.enumerated().map { index, picture in
                        [
                            "id": .string(pictures.count == 1 ? picture : "\(index) \(picture)"),
                            "image": .string(picture),
                            "prompt": prompt ?? .null,
                        ]
                    })
            ),
            ("variants", .array((variants ?? "").split(separator: ",").map { .string(String($0)) })),
        ])
        var measure = JSONObject([("caption", .bool(!noCaption))])
        if let maxTokens { measure["max_tokens"] = .integer(maxTokens) }
        request["measure"] = .object(measure)
        if let seed { request["seed"] = .integer(seed) }
        return request
    }
}

extension WorkOptions {
    /// The request with `--model` in it, if that was given, and its model's name where it gives a folder.
    func naming(_ request: JSONObject, in workplace: Workplace) throws(CommandError) -> JSONObject {
        var request = request
        if model != nil || request["model"] == nil {
            request["model"] = .string(try modelName(in: workplace))
        } else if let given = request["model"]?.stringValue {
            request["model"] = .string(ModelFolders.name(of: given))
        }
        return request
    }
}
