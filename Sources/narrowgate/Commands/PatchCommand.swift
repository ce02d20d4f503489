import ArgumentParser
import Jobs
import StrictJSON

struct PatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "patch",
        abstract: "Put the state of one picture's run into another's, layer by layer.",
        discussion: """
            Runs the base and the source picture clean, and the base once for every layer with the source's state at \
            the end-of-image token, and asks which picture's class word wins.

              narrowgate patch --base circle.png --source square.png --base-token " circle" --source-token " square"
              narrowgate patch --base a.png --source b.png --layers 0,2,4 --positions last_image
              narrowgate patch --request study.json

            where study.json is the request as over HTTP, with files as pictures:

              {"pairs": [{"base": "a.png", "source": "b.png", "base_token": " circle", "source_token": " square"}]}

            Class words are single tokens; mind the space before the word. accurate: the patched run gives the source's \
            word a higher probability than the base's. flipped: and the clean base run did not.
            """)

    @Option(help: ArgumentHelp("The picture whose run is changed.", valueName: "picture")) var base: String?
    @Option(help: ArgumentHelp("The picture whose state is put in.", valueName: "picture")) var source: String?
    @Option(help: ArgumentHelp("The base's class word.", valueName: "word")) var baseToken: String?
    @Option(help: ArgumentHelp("The source's class word.", valueName: "word")) var sourceToken: String?
    @Flag(help: "Take the first token of class words that have several.") var firstToken = false
    @Option(
        help: "each, from_each, or layers separated by commas, one run each; a range such as 2..<5 is patched together."
    )
    var layers: String?
    @Option(help: "resid_in, attn_in, head_out, attn_out, mlp_out or resid_out (default: resid_in).") var site: String?
    @Option(help: "A role, an index or a range (default: eoi).") var positions: String?
    @OptionGroup var prompt: PromptOptions
    @Option(
        help: ArgumentHelp(
            "A file with the whole request, instead of the above; - reads standard input.", valueName: "file.json"))
    var request: String?
    @OptionGroup var work: WorkOptions

    func validate() throws {
        if request == nil {
            guard base != nil, source != nil else {
                throw ValidationError("give --base and --source, or --request FILE.json.")
            }
        } else if base != nil || source != nil || baseToken != nil || sourceToken != nil || layers != nil || site != nil
            || positions != nil
        {
            throw ValidationError("--request says everything; give pairs, layers, site and positions there.")
        }
    }

    func run() async throws {
        let given = try request.map { path throws(CommandError) in try readJSONObject(path) }
        try await work.run(requestModel: given?["model"]?.stringValue) { workplace in
            let request: JSONObject
            if let given { request = given } else { request = try await self.request(in: workplace) }
            try await work.perform(
                .patch, try work.naming(request, in: workplace), in: workplace, show: PatchPage.lines)
        }
    }

    private func request(in workplace: Workplace) async throws -> JSONObject {
        var pair = JSONObject([("base", .string(base ?? "")), ("source", .string(source ?? ""))])
        pair["base_token"] = .optional(baseToken)
        pair["source_token"] = .optional(sourceToken)
        pair["first_token"] = .bool(firstToken)
        var request = JSONObject([("pairs", [.object(pair)])])
        if let prompt = try await prompt.json(on: try work.modelName(in: workplace), in: workplace) {
            request["prompt"] = prompt
        }
        if let layers { request["layers"] = Self.layers(layers) }
        if let site { request["site"] = .string(site) }
        if let positions { request["positions"] = .string(positions) }
        return request
    }

    /// Layers as a request spells them: numbers between commas are one run each.
    private static func layers(_ text: String) -> JSONValue {
        let numbers = text.split(separator: ",").map { Int($0) }
        guard numbers.allSatisfy({ $0 != nil }), !numbers.isEmpty else { return .string(text) }
        return ["each_of": .array(numbers.compactMap { $0 }.map { .integer($0) })]
    }
}
