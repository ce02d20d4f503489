import Foundation
import Jobs
import Logging
import Models
import StrictJSON

/// What can be set by flags, by the environment and by a file; what is not set is `nil`.
///
/// Flags win over the environment, the environment over the file, the file over the defaults (docs/cli.md has the table).
struct Settings: Sendable, Equatable {
    var host: String?
    var port: UInt16?
    /// PEM files; both or neither.
    var tlsCertificate: String?
    var tlsPrivateKey: String?
    var database: String?
    /// Folders of checkpoints, in the order in which they are looked through.
    var models: [String]?
    /// What all models are computed in.
    var numberFormat: NumberFormat?
    var allowedHosts: [String]?
    var allowedOrigins: [String]?
    var isInsecure: Bool?
    /// How many connections may be open at once.
    var connections: Int?
    var queueLimit: Int?
    /// MiB of clean runs, of pictures' codes, and of captions under way.
    var cleanRunCache: Int?
    var imageCodeCache: Int?
    var captionMemory: Int?
    /// How long jobs that have ended are kept; for ever if it is not set.
    var keepJobsDays: Int?
    var shutdownGraceSeconds: Int?
    var logLevel: Logger.Level?
    var logFormat: LogFormat?

    /// These settings, and those of `other` where these say nothing.
    func or(_ other: Settings) -> Settings {
        var settings = self
        settings.host = host ?? other.host
        settings.port = port ?? other.port
        // As a pair: a certificate is never combined with the key of another place.
        if tlsCertificate == nil, tlsPrivateKey == nil {
            settings.tlsCertificate = other.tlsCertificate
            settings.tlsPrivateKey = other.tlsPrivateKey
        }
        settings.database = database ?? other.database
        settings.models = models ?? other.models
        settings.numberFormat = numberFormat ?? other.numberFormat
        settings.allowedHosts = allowedHosts ?? other.allowedHosts
        settings.allowedOrigins = allowedOrigins ?? other.allowedOrigins
        settings.isInsecure = isInsecure ?? other.isInsecure
        settings.connections = connections ?? other.connections
        settings.queueLimit = queueLimit ?? other.queueLimit
        settings.cleanRunCache = cleanRunCache ?? other.cleanRunCache
        settings.imageCodeCache = imageCodeCache ?? other.imageCodeCache
        settings.captionMemory = captionMemory ?? other.captionMemory
        settings.keepJobsDays = keepJobsDays ?? other.keepJobsDays
        settings.shutdownGraceSeconds = shutdownGraceSeconds ?? other.shutdownGraceSeconds
        settings.logLevel = logLevel ?? other.logLevel
        settings.logFormat = logFormat ?? other.logFormat
        return settings
    }

    static let portRange = 0...Int(UInt16.max)
    static let connectionRange = 1...100_000
    static let queueRange = 1...1_000_000
    static let keepRange = 1...36_500
    static let graceRange = 0...3600
    /// MiB, up to a TiB; 0 keeps nothing.
    static let memoryRange = 0...1 << 20

    /// The bytes that caches and captions may take.
    var budgets: EngineBudgets {
        var budgets = EngineBudgets()
        if let cleanRunCache { budgets.cleanRuns = cleanRunCache << 20 }
        if let imageCodeCache { budgets.imageCodes = imageCodeCache << 20 }
        if let captionMemory { budgets.captions = captionMemory << 20 }
        return budgets
    }
}

extension Settings {
    /// Reads `NARROWGATE_HOST`, `_PORT`, `_DATABASE`, `_ALLOWED_HOSTS`, …
    ///
    /// `NARROWGATE_MODELS` is not among them: its folders are added to those of flags and file (``ModelFolders``).
    ///
    /// - throws: ``CommandError`` that names the variable.
    init(environment: [String: String]) throws(CommandError) {
        func variable(_ name: String) -> String? {
            environment["NARROWGATE_\(name)"].flatMap { $0.isEmpty ? nil : $0 }
        }
        func integer(_ name: String, in range: ClosedRange<Int>) throws(CommandError) -> Int? {
            guard let text = variable(name) else { return nil }
            guard let value = Int(text), range.contains(value) else {
                throw CommandError(
                    "NARROWGATE_\(name) is \"\(text)\"; it must be an integer of \(range.lowerBound) to \(range.upperBound)"
                )
            }
            return value
        }
        func list(_ name: String) -> [String]? { variable(name).map { $0.split(separator: ",").map(String.init) } }
        host = variable("HOST")
        port = try integer("PORT", in: Self.portRange).map(UInt16.init)
        tlsCertificate = variable("TLS_CERTIFICATE")
        tlsPrivateKey = variable("TLS_PRIVATE_KEY")
        database = variable("DATABASE")
        allowedHosts = list("ALLOWED_HOSTS")
        allowedOrigins = list("ALLOWED_ORIGINS")
        connections = try integer("CONNECTIONS", in: Self.connectionRange)
        queueLimit = try integer("QUEUE_LIMIT", in: Self.queueRange)
        cleanRunCache = try integer("CLEAN_RUN_CACHE_MIB", in: Self.memoryRange)
        imageCodeCache = try integer("IMAGE_CODE_CACHE_MIB", in: Self.memoryRange)
        captionMemory = try integer("CAPTION_MEMORY_MIB", in: Self.memoryRange)
        keepJobsDays = try integer("KEEP_JOBS_DAYS", in: Self.keepRange)
        shutdownGraceSeconds = try integer("SHUTDOWN_GRACE_SECONDS", in: Self.graceRange)
        if let text = variable("INSECURE") {
            guard let value = ["1": true, "true": true, "0": false, "false": false][text] else {
                throw CommandError("NARROWGATE_INSECURE is \"\(text)\"; it must be 1, true, 0 or false")
            }
            isInsecure = value
        }
        if let text = variable("NUMBER_FORMAT") {
            guard let format = NumberFormat(rawValue: text) else {
                throw CommandError("NARROWGATE_NUMBER_FORMAT is \"\(text)\"; formats are \(NumberFormat.names)")
            }
            numberFormat = format
        }
        if let text = variable("LOG_FORMAT") {
            guard let format = LogFormat(rawValue: text) else {
                throw CommandError("NARROWGATE_LOG_FORMAT is \"\(text)\"; formats are \(LogFormat.names)")
            }
            logFormat = format
        }
        if let text = variable("LOG_LEVEL") {
            guard let level = Logger.Level(rawValue: text) else {
                throw CommandError("NARROWGATE_LOG_LEVEL is \"\(text)\"; levels are \(Logger.Level.names)")
            }
            logLevel = level
        }
    }

    /// Reads a file such as `Config/narrowgate.json`.
    ///
    /// - throws: ``CommandError`` that names the file and the field; unknown fields are refused.
    init(file path: String) throws(CommandError) {
        self.init()
        let content: Data
        do { content = try Data(contentsOf: URL(filePath: path)) } catch {
            throw CommandError("\(path) cannot be read")
        }
        do { try read(try JSONField(try JSONParser.parse([UInt8](content))).object()) } catch {
            throw CommandError("\(path): \(error)")
        }
    }

    private mutating func read(_ members: JSONFields) throws(JSONError) {
        func strings(_ name: String) throws(JSONError) -> [String]? {
            guard let list = try members.optional(name)?.array() else { return nil }
            var strings: [String] = []
            for element in list { strings.append(try element.string()) }
            return strings
        }
        host = try members.optional("host")?.string()
        port = try members.optional("port")?.integer(in: Self.portRange).asPort
        tlsCertificate = try members.optional("tls_certificate")?.string()
        tlsPrivateKey = try members.optional("tls_private_key")?.string()
        database = try members.optional("database")?.string()
        models = try strings("models")
        allowedHosts = try strings("allowed_hosts")
        allowedOrigins = try strings("allowed_origins")
        isInsecure = try members.optional("insecure")?.bool()
        connections = try members.optional("connections")?.integer(in: Self.connectionRange)
        queueLimit = try members.optional("queue_limit")?.integer(in: Self.queueRange)
        cleanRunCache = try members.optional("clean_run_cache_mib")?.integer(in: Self.memoryRange)
        imageCodeCache = try members.optional("image_code_cache_mib")?.integer(in: Self.memoryRange)
        captionMemory = try members.optional("caption_memory_mib")?.integer(in: Self.memoryRange)
        keepJobsDays = try members.optional("keep_jobs_days")?.integer(in: Self.keepRange)
        shutdownGraceSeconds = try members.optional("shutdown_grace_seconds")?.integer(in: Self.graceRange)
        if let field = members.optional("number_format") {
            guard let format = NumberFormat(rawValue: try field.string()) else {
                throw field.invalid("formats are \(NumberFormat.names)")
            }
            numberFormat = format
        }
        if let field = members.optional("log_format") {
            guard let format = LogFormat(rawValue: try field.string()) else {
                throw field.invalid("formats are \(LogFormat.names)")
            }
            logFormat = format
        }
        if let field = members.optional("log_level") {
            guard let level = Logger.Level(rawValue: try field.string()) else {
                throw field.invalid("levels are \(Logger.Level.names)")
            }
            logLevel = level
        }
        try members.finish()
    }
}

extension Int {
    fileprivate var asPort: UInt16 { UInt16(self) }
}

extension Logger.Level {
    static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
