import Foundation
import Glibc
import StrictJSON
import TestSupport
import Testing

@Suite("narrowgate serve") struct ServeTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("serve") }

    @Test("prints its address once it answers, nothing else, and ends cleanly on SIGTERM")
    func announcement() async throws {
        let server = try await RunningServer.start(in: folder)
        let port = try #require(server.address.split(separator: ":").last.flatMap { UInt16($0) })
        #expect(server.address == "http://127.0.0.1:\(port)")
        #expect(try await server.ask("/livez").json == ["status": "alive"])
        let end = try await server.end(SIGTERM)
        #expect(end.status == 0)
        #expect(end.output.isEmpty)
    }

    @Test("refuses an address that other machines reach, unless told --insecure")
    func otherMachines() async throws {
        let refused = try await Command.narrowgate(
            "serve", "--host", "0.0.0.0", "--port", "0", "--database", folder.file("refused.sqlite"), in: folder)
        #expect(refused.status == 1)
        #expect(refused.output.isEmpty)
        #expect(refused.errors.contains("--insecure"))
        let server = try await RunningServer.start(in: folder, "--host", "0.0.0.0", "--insecure")
        try await server.end()
    }

    @Test("a database that another server has open is refused by name")
    func secondServer() async throws {
        let server = try await RunningServer.start(in: folder)
        let second = try await Command.narrowgate(
            "serve", "--port", "0", "--database", folder.file("narrowgate.sqlite"), in: folder)
        #expect(second.status == 1)
        #expect(second.errors.contains("narrowgate.sqlite"))
        try await server.end()
    }

    @Test("a job that SIGTERM interrupts goes on after a restart, and its rows are those of an undisturbed run")
    func resumption() async throws {
        let server = try await RunningServer.start(in: folder)
        var images: [JSONValue] = []
        for picture in try Checkout.pictures() { images.append(try await server.upload(picture)) }
        let request: JSONValue = [
            "model": "gate", "images": .array(images), "variants": ["eoi", "image_to_text", "bos"], "seed": 3,
        ]
        let undisturbed = try await server.post("/v1/knockouts", request, "-H", "Prefer: wait=60")
        let expected = try await server.rows(of: try #require(undisturbed.location))
        let job = try await server.post("/v1/knockouts", request)
        let path = try #require(job.location)
        try await server.follow(path, untilCells: 1)
        #expect(try await server.end(SIGTERM).status == 0)

        let second = try await RunningServer.start(in: folder)
        let ended = try await second.ask(path, "-H", "Prefer: wait=60").json
        #expect(ended["status"] == "succeeded")
        #expect(ended["attempt"] == 1, "an orderly stop begins no new attempt")
        let rows = try await second.rows(of: path)
        #expect(rows.count == 4 * images.count)
        #expect(rows.map(\.withoutItsRun) == expected.map(\.withoutItsRun))
        try await second.end()
    }
}
