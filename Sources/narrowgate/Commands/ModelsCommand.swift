import API
import ArgumentParser
import Foundation
import Interventions
import Jobs
import Logging
import Models
import StrictJSON

struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "List the models there are, say everything about one, or test one.",
        discussion: """
              narrowgate models
              narrowgate models gate
              narrowgate models selftest gate
            """,
        subcommands: [ModelsShowCommand.self, SelfTestCommand.self], defaultSubcommand: ModelsShowCommand.self)
}

struct ModelsShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "List the models there are, or say everything about one (the default).")

    @Argument(help: "A model's name or folder.") var name: String?
    @OptionGroup var models: ModelOptions
    @OptionGroup var database: DatabaseOptions
    @Flag(help: "Print what HTTP answers.") var json = false

    func run() async throws {
        startLogging(.error)
        let settings = try database.settings()
        let library = ModelLibrary(
            directories: try ModelFolders.directories(models.folders, file: settings.models ?? [], model: name),
            digestCache: Installation.digestCache, numberFormat: models.numberFormat ?? settings.numberFormat)
        guard let name else { return StandardOutput.lines(json ? [list(library).text] : table(library)) }
        let model = try await library.model(ModelFolders.name(of: name))
        let answer = try ModelAnswer.json(model)
        StandardOutput.lines(json ? [answer.text] : Self.page(answer, model))
    }

    private func list(_ library: ModelLibrary) -> JSONValue {
        ["object": "list", "data": .array(library.entries.map { ModelAnswer.json($0) })]
    }

    private func table(_ library: ModelLibrary) -> [String] {
        guard !library.entries.isEmpty else { return ["no models; give --models a folder of checkpoints"] }
        var table = TextTable(["model", "family", ">layers", ">hidden", ">image tokens", "folder"])
        for entry in library.entries {
            guard let summary = try? entry.summary() else {
                table.add([entry.name, "?", "", "", "", entry.directory.path])
                continue
            }
            table.add([
                entry.name + (entry.name == library.defaultName ? " (default)" : ""), summary.family,
                "\(summary.decoder.layers)", "\(summary.decoder.hidden)", "\(summary.imageTokens)",
                entry.directory.path,
            ])
        }
        return table.lines
    }

    private static func page(_ answer: JSONValue, _ model: VisionLanguageModel) -> [String] {
        func integer(_ name: String) -> String { answer[name]?.integerValue.map(String.init) ?? "" }
        var lines = [
            "\(model.name): \(model.family), \(integer("layers")) layers, \(integer("heads")) heads "
                + "(\(integer("key_value_heads")) for keys and values), hidden \(integer("hidden_size")), "
                + "\(integer("parameters")) parameters, \(answer["number_format"]?.stringValue ?? "")",
            "folder       \(model.directory.path)", "fingerprint  \(answer["fingerprint"]?.stringValue ?? "")",
            "sites        \(Site.allCases.map(\.rawValue).joined(separator: ", "))", "roles        \(Role.names)",
            "variants     \(Variant.namedVariants.map(\.name).joined(separator: ", "))",
            "chat         \(model.chatTemplate.map { JSONValue.string($0).text } ?? "none")", "presets",
        ]
        for preset in model.presets { lines.append("  \(preset.name): \(JSONValue.string(preset.text).text)") }
        return lines
    }
}
