import API
import ArgumentParser
import Foundation
import Glibc
import Jobs
import Logging

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve captions, knockouts and patches over HTTP.",
        discussion: """
            Prints "listening on http://127.0.0.1:PORT" once it accepts connections, and nothing else, on standard \
            output; its log goes to standard error. SIGINT or SIGTERM lets requests in progress finish and puts the job \
            at hand back; a second one ends the process at once. Nothing acknowledged is lost either way.

              narrowgate serve --port 8080
              curl --data-binary @Models/examples/white-cross.png http://127.0.0.1:8080/v1/captions

            Without keys (narrowgate keys add) whoever reaches the server may use it. It therefore listens on loopback \
            addresses only, unless there are keys or it is told --insecure, and answers only requests whose Host it knows \
            (--allowed-host adds names).
            """)

    @Option(help: "The address to listen on (default: 127.0.0.1).") var host: String?
    @Option(help: "The port; 0 lets the system choose one (default: 8080).") var port: UInt16?

    @Option(
        help: ArgumentHelp(
            "Speak TLS with this certificate and those that lead to its root, in PEM; with --tls-private-key.",
            valueName: "file"))
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("The certificate's private key, in PEM, without a passphrase.", valueName: "file"))
    var tlsPrivateKey: String?

    @OptionGroup var models: ModelOptions
    @OptionGroup var database: DatabaseOptions
    @Flag(help: "Listen on an address that other machines reach, even without keys.") var insecure = false

    @Option(
        name: .customLong("allowed-host"),
        help: ArgumentHelp(
            "A name under which the server is reached, beside the loopback ones. Repeat for more.", valueName: "name"))
    var allowedHosts: [String] = []

    @Option(
        name: .customLong("allowed-origin"),
        help: ArgumentHelp(
            "An origin whose pages may call, such as https://lab.example. Repeat for more.", valueName: "origin"))
    var allowedOrigins: [String] = []

    @Option(help: "How many connections may be open at once (default: 1024).") var connections: Int?

    @Option(help: "How many unfinished jobs the queue takes (default: 10000).") var queueLimit: Int?

    @Option(
        name: .customLong("clean-run-cache"),
        help: ArgumentHelp("How much of clean runs is kept; 0 keeps none (default: 256).", valueName: "MiB"))
    var cleanRunCache: Int?

    @Option(
        name: .customLong("image-code-cache"),
        help: ArgumentHelp("How much of pictures' codes is kept; 0 keeps none (default: 16).", valueName: "MiB"))
    var imageCodeCache: Int?

    @Option(
        name: .customLong("caption-memory"),
        help: ArgumentHelp(
            "What captions that are decoded together may take; one is decoded whatever it takes (default: 2048).",
            valueName: "MiB"))
    var captionMemory: Int?

    @Option(
        name: .customLong("keep-jobs"),
        help: ArgumentHelp("How long jobs that have ended are kept (default: for ever).", valueName: "days"))
    var keepJobsDays: Int?

    @Option(
        name: .customLong("shutdown-grace"),
        help: ArgumentHelp("How long requests in progress may take at the end (default: 10).", valueName: "seconds"))
    var shutdownGraceSeconds: Int?

    @Option(help: "text, or json: one object a line (default: text).") var logFormat: String?
    @Option(help: "trace, debug, info, notice, warning, error or critical (default: notice).") var logLevel: String?

    func validate() throws {
        if let connections, !Settings.connectionRange.contains(connections) {
            throw ValidationError("--connections must be 1 to \(Settings.connectionRange.upperBound).")
        }
        if let queueLimit, !Settings.queueRange.contains(queueLimit) {
            throw ValidationError("--queue-limit must be 1 to \(Settings.queueRange.upperBound).")
        }
        for (flag, value) in [
            ("clean-run-cache", cleanRunCache), ("image-code-cache", imageCodeCache),
            ("caption-memory", captionMemory),
        ] {
            guard let value, !Settings.memoryRange.contains(value) else { continue }
            throw ValidationError("--\(flag) must be 0 to \(Settings.memoryRange.upperBound) MiB.")
        }
        if let keepJobsDays, !Settings.keepRange.contains(keepJobsDays) {
            throw ValidationError("--keep-jobs must be 1 to \(Settings.keepRange.upperBound) days.")
        }
        if let shutdownGraceSeconds, !Settings.graceRange.contains(shutdownGraceSeconds) {
            throw ValidationError("--shutdown-grace must be 0 to \(Settings.graceRange.upperBound) seconds.")
        }
        if let logFormat, LogFormat(rawValue: logFormat) == nil {
            throw ValidationError("--log-format must be one of \(LogFormat.names).")
        }
        if let logLevel, Logger.Level(rawValue: logLevel) == nil {
            throw ValidationError("--log-level must be one of \(Logger.Level.names).")
        }
    }

    private var flags: Settings {
        var flags = Settings()
        flags.host = host
        flags.numberFormat = models.numberFormat
        flags.port = port
        flags.tlsCertificate = tlsCertificate
        flags.tlsPrivateKey = tlsPrivateKey
        flags.allowedHosts = allowedHosts.isEmpty ? nil : allowedHosts
        flags.allowedOrigins = allowedOrigins.isEmpty ? nil : allowedOrigins
        flags.isInsecure = insecure ? true : nil
        flags.connections = connections
        flags.queueLimit = queueLimit
        flags.cleanRunCache = cleanRunCache
        flags.imageCodeCache = imageCodeCache
        flags.captionMemory = captionMemory
        flags.keepJobsDays = keepJobsDays
        flags.shutdownGraceSeconds = shutdownGraceSeconds
        flags.logFormat = logFormat.flatMap { LogFormat(rawValue: $0) }
        flags.logLevel = logLevel.flatMap { Logger.Level(rawValue: $0) }
        return flags
    }

    func run() async throws {
        let settings = try database.settings(flags)
        startLogging(settings.logLevel ?? .notice, as: settings.logFormat ?? .text)
        var configuration = ServeConfiguration(
            database: settings.database ?? DatabaseOptions.defaultDatabase,
            modelDirectories: try ModelFolders.directories(
                models.folders, file: settings.models ?? []))
        configuration.host = settings.host ?? configuration.host
        configuration.port = settings.port ?? 8080
        configuration.tlsCertificate = settings.tlsCertificate
        configuration.tlsPrivateKey = settings.tlsPrivateKey
        configuration.digestCache = Installation.digestCache
        configuration.numberFormat = settings.numberFormat
        configuration.allowedHosts = settings.allowedHosts ?? []
        configuration.allowedOrigins = settings.allowedOrigins ?? []
        configuration.isInsecure = settings.isInsecure ?? false
        configuration.connections = settings.connections ?? configuration.connections
        configuration.queueLimit = settings.queueLimit ?? configuration.queueLimit
        configuration.budgets = settings.budgets
        configuration.keepJobs = settings.keepJobsDays.map { .seconds($0 * 86_400) }
        configuration.shutdownGrace = settings.shutdownGraceSeconds.map { .seconds($0) } ?? configuration.shutdownGrace

        OpenFiles.allowAll()
        try await Self.serve(configuration)
        // Not `exit`, which runs the destructors of C++ libraries: a model that is still being loaded on another thread would
        // lose oneDNN under its feet, and an orderly stop would end in a crash. Output is unbuffered, and what the store
        // acknowledged is on the disk.
        _exit(EXIT_SUCCESS)
    }

    /// Serves until it is asked to stop.
    private static func serve(_ configuration: ServeConfiguration) async throws {
        // Before the first connection: a signal that comes while the server starts must not be lost.
        let (stop, stopping) = AsyncStream.makeStream(of: Void.self)
        let signals = InterruptSignals { stopping.finish() }
        let service = try await Service.start(configuration, logger: Logger(label: "narrowgate"))
        StandardOutput.line("listening on \(service.address)")
        for await _ in stop {}
        await service.stop()
        withExtendedLifetime(signals) {}
    }
}
