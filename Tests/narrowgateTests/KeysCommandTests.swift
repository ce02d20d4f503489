import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite("narrowgate keys") struct KeysCommandTests {
    @Test("keys are made and revoked with and without a server, which then listens for others")
    func life() async throws {
        let scratch = try ScratchFolder("keys")
        let database = ["--database", scratch.path("jobs.sqlite")]
        let made = try await Narrowgate.run(["keys", "add", "admin", "--admin"] + database, in: scratch)
        #expect(made.status == 0, "\(made.error)")
        let admin = try #require(made.lines.first)
        #expect(admin.wholeMatch(of: /ng_[0-9a-f]{8}_[0-9a-f]{64}/) != nil)

        let server = try await RunningServer.start(["--port", "0", "--host", "0.0.0.0"], in: scratch)
        let local = ["-H", "Host: localhost", "-H", "Authorization: Bearer \(admin)"]
        #expect(try await server.curl("/v1/jobs", ["-H", "Host: localhost"]).status == 401)
        #expect(try await server.curl("/v1/jobs", local).status == 200)

        let refused = try await Narrowgate.run(["keys", "add", "guest"] + database, in: scratch)
        #expect(refused.status == 1)
        #expect(refused.error.contains("NARROWGATE_KEY"))
        let added = try await Narrowgate.run(
            ["keys", "add", "guest", "--jobs", "2"] + database, in: scratch, environment: ["NARROWGATE_KEY": admin])
        #expect(added.status == 0, "\(added.error)")
        let guest = try #require(added.lines.first)
        let asGuest = ["-H", "Host: localhost", "-H", "Authorization: Bearer \(guest)"]
        #expect(try await server.curl("/v1/jobs", asGuest).status == 200)
        let list = try await Narrowgate.run(["keys", "list"] + database, in: scratch)
        #expect(list.lines.count == 3)
        #expect(list.output.contains("guest") && !list.output.contains(guest))
        let id = String(guest.dropFirst(3).prefix(8))
        let revoked = try await Narrowgate.run(
            ["keys", "revoke", id] + database, in: scratch, environment: ["NARROWGATE_KEY": admin])
        #expect(revoked.lines == ["\(id) revoked"], "\(revoked.error)")
        #expect(try await server.curl("/v1/jobs", asGuest).status == 401)
        await server.stop()
    }

    @Test("a server that speaks TLS is asked where its certificate leads to a given root, and nowhere else")
    func overTLS() async throws {
        let scratch = try ScratchFolder("keys-tls")
        for (name, names) in [("own", "IP:127.0.0.1"), ("other", "DNS:other.example")] {
            let made = try await Command("/usr/bin/openssl").run([
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj",
                "/CN=narrowgate", "-addext", "subjectAltName=\(names)", "-keyout", scratch.path("\(name)-key.pem"),
                "-out",
                scratch.path("\(name).pem"),
            ])
            #expect(made.status == 0, "\(made.error)")
        }
        func serve(_ name: String) async throws -> RunningServer {
            try await RunningServer.start(
                [
                    "--port", "0", "--tls-certificate", scratch.path("\(name).pem"), "--tls-private-key",
                    scratch.path("\(name)-key.pem"),
                ], in: scratch)
        }
        func add(_ options: [String]) async throws -> Command.Outcome {
            try await Narrowgate.run(
                ["keys", "add", "admin", "--admin", "--database", scratch.path("jobs.sqlite")] + options, in: scratch)
        }
        let server = try await serve("own")
        let strange = try await add([])
        #expect(strange.status == 1 && strange.error.contains("not trusted"), "\(strange.error)")
        let wrong = try await add(["--ca", scratch.path("other.pem")])
        #expect(wrong.status == 1 && wrong.error.contains("not trusted"), "\(wrong.error)")
        let missing = try await add(["--ca", scratch.path("none.pem")])
        #expect(missing.status == 1 && missing.error.contains("none.pem"), "\(missing.error)")
        let added = try await add(["--ca", scratch.path("own.pem")])
        #expect(added.status == 0 && added.lines.first?.hasPrefix("ng_") == true, "\(added.error)")
        await server.stop()

        let named = try await serve("other")
        let refused = try await add(["--ca", scratch.path("other.pem")])
        #expect(refused.status == 1 && refused.error.contains("another name"), "\(refused.error)")
        await named.stop()
    }
}
