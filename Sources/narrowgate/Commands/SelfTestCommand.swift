import ArgumentParser
import Foundation
import Interventions
import Logging
import Models
import StrictJSON

struct SelfTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "selftest",
        abstract: "Measure on a checkpoint what must hold on every one.",
        discussion: """
            Runs identities of interventions, such as that patching a run with itself changes nothing, and prints for each \
            whether it holds, the largest difference and the seconds that it took. Differences are of next-token logits over \
            the largest of them, or of probabilities. The status is 1 if one fails.

              narrowgate models selftest gate
              narrowgate models selftest path/to/checkpoint --image cat.png --other-image dog.png
            """)

    @Argument(help: "A checkpoint's folder, or a model's name.") var name: String
    @Option(help: "The picture that is intervened on (default: one that is drawn).") var image: String?
    @Option(help: "The picture that states come from (default: another one).") var otherImage: String?
    @OptionGroup var models: ModelOptions
    @Flag(help: "Print one JSON object.") var json = false

    func run() async throws {
        startLogging(.error)
        let start = ContinuousClock.now
        let model = try models.load(name)
        let test = try SelfTest(model, base: try picture(image, 0, model), other: try picture(otherImage, 1, model))
        let results = try test.run { if !json { StandardOutput.line(Self.line($0)) } }
        let failed = results.count { !$0.passed }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        if json {
            StandardOutput.line(
                JSONValue.object(
                    JSONObject([
                        ("object", "selftest"), ("model", .string(model.name)), ("passed", .bool(failed == 0)),
                        ("identities", .array(results.map(\.json))), ("seconds", .number(seconds)),
                    ])
                ).text)
        } else {
            let count = failed == 0 ? "all \(results.count) identities hold" : "\(failed) of \(results.count) FAILED"
            StandardOutput.line("\(model.name): \(count), \(Shown.number(seconds)) s")
        }
        if failed > 0 { throw ExitCode(1) }
    }

    private func picture(_ path: String?, _ number: Int, _ model: VisionLanguageModel) throws -> EncodedImage {
        guard let path else { return try model.encodeTestPicture(number) }
        do { return try model.encode(file: try PictureReferences.file(path)) } catch let error as ModelError {
            throw CommandError("\(path): \(error)")
        }
    }

    /// `ok      0        0.012 s  the same run twice is the same`
    private static func line(_ result: SelfTest.Result) -> String {
        func padded(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(0, width - text.count))
        }
        let seconds = padded("\(Shown.number(result.seconds)) s", 10)
        let detail = result.detail.map { " (\($0))" } ?? ""
        return padded(result.passed ? "ok" : "FAILED", 8) + padded(Self.difference(result.difference), 9) + seconds
            + result.identity + detail
    }

    /// Two digits: `0`, `2.7e-07`; `–` where nothing was measured.
    private static func difference(_ value: Double?) -> String {
        guard let value else { return "–" }
        guard value > 0, value.isFinite else { return value == 0 ? "0" : "infinite" }
        return String(format: "%.1e", value)
    }
}
