import ArgumentParser
import Foundation
import Logging
import Models

/// What commands that work on a database share.
struct DatabaseOptions: ParsableArguments {
    @Option(name: .long, help: "The SQLite file; made if it is not there (default: narrowgate.sqlite).")
    var database: String?

    @Option(name: .long, help: "A settings file (default: Config/narrowgate.json, if it is there).")
    var config: String?

    /// Flags over environment over file.
    func settings(_ flags: Settings = Settings()) throws -> Settings {
        var flags = flags
        flags.database = database
        let environment = try Settings(environment: ProcessInfo.processInfo.environment)
        let named = config ?? ProcessInfo.processInfo.environment["NARROWGATE_CONFIG"]
        let file = named ?? Installation.find("Config/narrowgate.json").first?.path
        return flags.or(environment).or(try file.map { try Settings(file: $0) } ?? Settings())
    }

    static let defaultDatabase = "narrowgate.sqlite"
}

/// What commands that may ask a running server share.
struct ServerOptions: ParsableArguments {
    @Option(
        name: .customLong("ca"),
        help: ArgumentHelp(
            "PEM: the roots that a running server's certificate may lead to (default: this machine's).",
            valueName: "file"))
    var authorities: String?
}

/// What commands that look for models share.
struct ModelOptions: ParsableArguments {
    @Option(
        name: .customLong("models"), parsing: .upToNextOption,
        help: ArgumentHelp(
            "Folders whose sub-folders are checkpoints, looked through before NARROWGATE_MODELS and Models/.",
            valueName: "dir"))
    var folders: [String] = []

    @Option(
        name: .customLong("number-format"),
        help: ArgumentHelp(
            "What models are computed in: \(NumberFormat.names) (default: by the model, docs/numerics.md).",
            valueName: "format"))
    var numberFormat: NumberFormat?
}

extension NumberFormat: ExpressibleByArgument {}

/// Sends the process's log to standard error.
func startLogging(_ level: Logger.Level, as format: LogFormat = .text) {
    LoggingSystem.bootstrap { label in
        if format == .json { return JSONLogHandler(label: label, level: level) }
        var handler = StreamLogHandler.standardError(label: label)
        handler.logLevel = level
        return handler
    }
}
