import API
import Foundation
import HTTPTypes
import Logging
import StrictJSON
import Synchronization
import Testing

/// A trace that somebody else began.
private enum Trace {
    static let known = "4bf92f3577b34da6a3ce929d0e0e4736"
    // Tokens, spelled here, so that the initializers cannot fail.
    static let parentField = HTTPField.Name("traceparent")!
    static let requestField = HTTPField.Name("x-request-id")!
}

@Suite("Request ids, logs and the dashboard") struct RequestLogTests {
    /// A log that is kept.
    private final class Lines: Sendable {
        private let records: Mutex<[Logger.Metadata]> = Mutex([])

        var all: [Logger.Metadata] { records.withLock { $0 } }

        func add(_ metadata: Logger.Metadata) { records.withLock { $0.append(metadata) } }

        func logger(_ level: Logger.Level = .info) -> Logger {
            Logger(label: "test") { _ in Handler(lines: self, logLevel: level) }
        }

        private struct Handler: LogHandler {
            let lines: Lines
            var logLevel: Logger.Level
            var metadata: Logger.Metadata = [:]
            var metadataProvider: Logger.MetadataProvider?

            subscript(metadataKey key: String) -> Logger.Metadata.Value? {
                get { metadata[key] }
                set { metadata[key] = newValue }
            }

            func log(event: LogEvent) { lines.add(event.metadata ?? [:]) }
        }
    }

    @Test("a trace is gone on with, under a span of the server's own")
    func goesOn() async throws {
        let laboratory = try await Laboratory()
        let given = "00-\(Trace.known)-00f067aa0ba902b7-01"
        let answer = try await laboratory.get("/v1/models", [Trace.parentField: given])
        let parts = (answer.fields[Trace.parentField] ?? "").split(separator: "-")
        #expect(parts.count == 4 && parts[1] == Trace.known && parts[2] != "00f067aa0ba902b7" && parts[3] == "01")
        #expect(answer.fields[Trace.requestField] == Trace.known)
    }

    @Test(
        "what is no trace begins a new one",
        arguments: [
            "", "00", "00-\(Trace.known)-00f067aa0ba902b7", "00-\(Trace.known)-0000000000000000-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "ff-\(Trace.known)-00f067aa0ba902b7-01",
            "00-\(Trace.known.uppercased())-00f067aa0ba902b7-01", "00-\(Trace.known)-00f067aa0ba902b7-01-x", "é",
        ])
    func begins(_ text: String) async throws {
        let laboratory = try await Laboratory()
        let fields: HTTPFields = text.isEmpty ? [:] : [Trace.parentField: text]
        let answer = try await laboratory.get("/v1/nothing", fields)
        let id = answer.fields[Trace.requestField] ?? ""
        #expect(id.count == 32 && id != Trace.known)
        #expect(answer.fields[Trace.parentField]?.hasPrefix("00-\(id)-") == true)
    }

    @Test("every request is one line, when its answer is complete")
    func lines() async throws {
        let lines = Lines()
        let laboratory = try await Laboratory(logger: lines.logger())
        _ = try await laboratory.get(
            "/v1/images/none?x=1", [Trace.parentField: "00-\(Trace.known)-00f067aa0ba902b7-01"])
        _ = try await laboratory.get("/v1/results?format=ndjson")
        #expect(lines.all.count == 2)
        let first = try #require(lines.all.first)
        #expect(first["request"] == "\(Trace.known)")
        #expect(first["parent"] == "00f067aa0ba902b7")
        #expect(first["route"] == "/v1/images/{id}")
        #expect(first["path"] == "/v1/images/none")
        #expect(first["status"] == "400")
        #expect(first["method"] == "GET")
        #expect(Double("\(first["milliseconds"] ?? "")") != nil)
        #expect(lines.all.last?["status"] == "200")
        let quiet = Lines()
        _ = try await Laboratory(logger: quiet.logger(.notice)).get("/v1/models")
        #expect(quiet.all.isEmpty)
    }

    @Test("changes by a key, and whoever is kept out, leave audit lines without the key's text")
    func audit() async throws {
        let lines = Lines()
        let laboratory = try await Laboratory(logger: lines.logger(.notice))
        let made = try await laboratory.post("/v1/keys", ["name": "admin", "admin": true])
        let key = made.json["key"]?.stringValue ?? ""
        _ = try await laboratory.post("/v1/keys", ["name": "guest"], [.authorization: "Bearer \(key)"])
        _ = try await laboratory.get("/v1/jobs", [.authorization: "Bearer \(KeyTests.stranger)"])
        _ = try await laboratory.get("/v1/jobs", [.authorization: "Bearer \(key)"])
        #expect(lines.all.count == 2)
        #expect(lines.all.allSatisfy { $0["audit"] == "true" })
        #expect(lines.all.first?["key"] == "\(key.dropFirst(3).prefix(8))")
        #expect(lines.all.first?["route"] == "/v1/keys")
        #expect(lines.all.last?["status"] == "401")
        #expect(!"\(lines.all)".contains(key.suffix(64)) && !"\(lines.all)".contains(KeyTests.stranger))
    }

    @Test("every metric that the dashboard shows exists")
    func dashboard() async throws {
        let laboratory = try await Laboratory()
        let image = try await laboratory.picture()
        _ = try await laboratory.post("/v1/captions", ["image": .string(image), "max_tokens": 1])
        let page = try MetricsPage(try await laboratory.get("/metrics").text)
        let file = Laboratory.root.appending(path: "Config/grafana/narrowgate.json")
        let dashboard = try JSONParser.parse([UInt8](try Data(contentsOf: file)))
        let panels = try #require(dashboard["panels"]?.arrayValue)
        #expect(panels.count > 10)
        var shown: Set<String> = []
        for target in panels.flatMap({ $0["targets"]?.arrayValue ?? [] }) {
            let expression = try #require(target["expr"]?.stringValue)
            let names = expression.matches(of: /(narrowgate|process)_[a-z_]+/).map { String($0.0) }
            #expect(!names.isEmpty, "\(expression)")
            shown.formUnion(names)
        }
        for name in shown {
            #expect(page.types[name.replacing(/_bucket$/, with: "")] != nil, "\(name)")
        }
        // And nothing that is measured is forgotten, but what only identifies the process.
        let unshown = Set(page.types.keys).subtracting(shown.map { $0.replacing(/_bucket$/, with: "") })
        let left: Set = [
            "narrowgate_build_info", "process_start_time_seconds", "process_virtual_memory_bytes", "process_threads",
        ]
        #expect(unshown == left)
    }
}
