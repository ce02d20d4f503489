import ArgumentParser
import Foundation
import Glibc
import Jobs

/// `narrowgate`: captions, knockouts and patches on vision-language models, from the shell or over HTTP.
@main
struct Narrowgate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "narrowgate",
        abstract: "Run vision-language models and intervene in their forward pass.",
        discussion: """
            Caption a picture, cut attention edges, put the state of one run into another, and keep every result in \
            one SQLite file. The same requests go over HTTP (narrowgate serve) and give the same numbers.

              narrowgate caption Models/examples/white-cross.png
              narrowgate knockout Models/examples/white-cross.png --variants eoi,image_to_text
              narrowgate serve --port 8080

            Models are folders in the Hugging Face layout, found by name in --models, NARROWGATE_MODELS, and Models/ \
            beside the working directory and the binary.
            """,
        version: Provenance.version,
        subcommands: [
            ServeCommand.self, CaptionCommand.self, KnockoutCommand.self, PatchCommand.self, TraceCommand.self,
            ModelsCommand.self, JobsCommand.self, KeysCommand.self, DatasetCommand.self,
        ])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            end(with: error)
        }
    }

    /// Help goes to standard output; an error is one line on standard error: status 64 for how the command was
    /// spelled, 1 for everything else.
    private static func end(with error: any Error) -> Never {
        if let code = error as? ExitCode { exit(withError: code) }
        let code = exitCode(for: error)
        if code == .success { exit(withError: error) }
        let isUsage = code == .validationFailure
        let text = isUsage ? message(for: error) : CommandError.sentence(for: error)
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        StandardError.write("narrowgate: \(line)\n")
        Glibc.exit(isUsage ? code.rawValue : EXIT_FAILURE)
    }
}
