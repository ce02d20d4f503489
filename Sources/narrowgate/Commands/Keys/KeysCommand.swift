import API
import ArgumentParser
import Store
import StrictJSON

struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Make, list and revoke the keys that a server asks for.",
        discussion: """
              narrowgate keys add admin --admin
              narrowgate keys add lab --jobs 20 --cells 100000 --requests-per-minute 600 --bytes 1000000000
              narrowgate keys list
              narrowgate keys revoke 1f2e3d4c

            Without keys a server asks for none. Once there was one, every request needs one, for good. A key sees its own \
            jobs, pictures and states; one made with --admin sees everything.

            A running server is asked over HTTP, with the admin key in NARROWGATE_KEY once there are keys.
            """,
        subcommands: [Add.self, List.self, Revoke.self])
}

extension KeysCommand {
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key and print it: this once, because only its SHA-256 is stored.")

        @Argument(help: "Whose it is, for people.") var name: String
        @Flag(help: "Sees everybody's jobs, pictures and states, and makes keys.") var admin = false
        @Option(help: "How many unfinished jobs it may have.") var jobs: Int?
        @Option(help: "How many cells of it may wait to be computed.") var cells: Int?
        @Option(help: "How many requests it may make a minute.") var requestsPerMinute: Int?
        @Option(help: "How many bytes of pictures and states it may store.") var bytes: Int?
        @OptionGroup var database: DatabaseOptions
        @OptionGroup var server: ServerOptions
        @Flag(help: "Print what HTTP answers.") var json = false

        func run() async throws {
            let limits = KeyLimits(jobs: jobs, cells: cells, requests: requestsPerMinute, bytes: bytes)
            let given = KeyRequest(name: name, isAdmin: admin, limits: limits)
            // Read back as HTTP reads it, so that the same values are refused.
            let request = try KeyRequest(try JSONField(given.json).object())
            let answer: JSONValue
            do {
                let (record, text, _) = try await request.add(to: try Store(path: try database.path()))
                answer = record.json(text: text)
            } catch StoreError.inUse(_, let holder) {
                answer = try database.ask(holder, "POST", "/v1/keys", body: request.json, trusting: server)
            }
            StandardOutput.line(json ? answer.text : answer["key"]?.stringValue ?? "")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List keys, the oldest first, without their texts.")

        @OptionGroup var database: DatabaseOptions
        @Flag(help: "Print what HTTP answers.") var json = false

        func run() async throws {
            let keys = try await database.reader().keys().map(\.record)
            if json {
                let answer = ListAnswer.json(keys.map { $0.json() }, hasMore: false, lastID: keys.last?.id)
                return StandardOutput.line(answer.text)
            }
            guard !keys.isEmpty else { return StandardOutput.line("no keys") }
            var table = TextTable([
                "id", "name", "admin", ">jobs", ">cells", ">requests/min", ">bytes", "made", "revoked",
            ])
            for key in keys {
                let limits = [key.limits.jobs, key.limits.cells, key.limits.requests, key.limits.bytes]
                table.add(
                    [key.id, key.name, key.isAdmin ? "yes" : ""] + limits.map { $0.map { "\($0)" } ?? "–" }
                        + [key.createdAt.text, key.revokedAt?.text ?? ""])
            }
            for line in table.lines { StandardOutput.line(line) }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a key's use at once. What was made with it stays.")

        @Argument(help: "A key's id: the eight digits after ng_.") var key: String
        @OptionGroup var database: DatabaseOptions
        @OptionGroup var server: ServerOptions

        func run() async throws {
            // Opened for reading first: a database that is not there must not be made for the sake of a revocation.
            guard try await database.reader().keys().contains(where: { $0.record.id == key }) else {
                throw StoreError.unknownKey(key)
            }
            do { _ = try await Store(path: try database.path()).revokeKey(key) } catch StoreError.inUse(_, let holder) {
                _ = try database.ask(holder, "DELETE", "/v1/keys/\(key)", trusting: server)
            }
            StandardOutput.line("\(key) revoked")
        }
    }
}
