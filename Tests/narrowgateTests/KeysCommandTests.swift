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
}
