import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite("narrowgate serve") struct ServeTests {
    @Test("prints where it listens, answers there, and ends well when asked to")
    func life() async throws {
        let scratch = try ScratchFolder("serve")
        let server = try await RunningServer.start(in: scratch)
        #expect(server.announcement.wholeMatch(of: /listening on http:\/\/127\.0\.0\.1:[0-9]+/) != nil)
        #expect(try await server.curl("/livez").status == 200)
        let models = try JSONParser.parse(try await server.curl("/v1/models").text)
        #expect(models["data"]?.arrayValue?.compactMap { $0["id"]?.stringValue } == ["gate", "open", "reopened"])
        #expect(await server.stop() == 0)
    }

    @Test("captions a picture that curl sends as it is")
    func caption() async throws {
        let scratch = try ScratchFolder("serve")
        let server = try await RunningServer.start(in: scratch)
        let answer = try await server.curl(
            "/v1/captions", ["--data-binary", "@\(Narrowgate.picture("white-cross.png"))"])
        #expect(answer.status == 200)
        #expect(try JSONParser.parse(answer.text)["caption"]?.stringValue == "a small white cross")
        await server.stop()
    }

    @Test("refuses an address that others reach, unless told to; says that there are no keys")
    func insecure() async throws {
        let scratch = try ScratchFolder("serve")
        let refused = try await Narrowgate.run(["serve", "--port", "0", "--host", "0.0.0.0"], in: scratch)
        #expect(refused.status == 1)
        #expect(refused.error.hasPrefix("narrowgate: "))
        #expect(refused.error.contains("no keys") && refused.error.contains("--insecure"))
        #expect(refused.error.split(separator: "\n").count == 1)
        let server = try await RunningServer.start(["--port", "0", "--host", "0.0.0.0", "--insecure"], in: scratch)
        #expect(await server.stop() == 0)
    }

    @Test("a server that is stopped while its model is being loaded ends in order")
    func stoppedEarly() async throws {
        let scratch = try ScratchFolder("serve")
        for _ in 0..<12 {
            let server = try await RunningServer.start(["--port", "0"], in: scratch)
            #expect(await server.stop() == 0)
        }
    }

    @Test("flags win over the environment, the environment over the settings file")
    func precedence() async throws {
        let scratch = try ScratchFolder("serve")
        try scratch.write(#"{"host": "0.0.0.0", "port": 0}"#, to: "settings.json")
        let settings = ["--config", scratch.path("settings.json")]
        let file = try await Narrowgate.run(["serve"] + settings, in: scratch)
        #expect(file.error.contains("--host 0.0.0.0"))
        let environment = try await Narrowgate.run(
            ["serve"] + settings, in: scratch, environment: ["NARROWGATE_HOST": "192.0.2.1"])
        #expect(environment.error.contains("--host 192.0.2.1"))
        let server = try await RunningServer.start(
            settings + ["--host", "127.0.0.1"], in: scratch, environment: ["NARROWGATE_HOST": "192.0.2.1"])
        #expect(await server.stop() == 0)
    }

    @Test("a settings file is checked by field", arguments: [#"{"prot": 1}"#, #"{"port": 70000}"#, #"{"port": "#])
    func settingsFile(text: String) async throws {
        let scratch = try ScratchFolder("serve")
        try scratch.write(text, to: "settings.json")
        let refused = try await Narrowgate.run(["serve", "--config", scratch.path("settings.json")], in: scratch)
        #expect(refused.status == 1)
        #expect(refused.error.contains("settings.json"))
    }

    @Test("a database that another process holds is said to be so, with what to do")
    func heldDatabase() async throws {
        let scratch = try ScratchFolder("serve")
        let server = try await RunningServer.start(in: scratch)
        let second = try await Narrowgate.run(
            ["caption", Narrowgate.picture("white-cross.png"), "--database", scratch.path("jobs.sqlite")], in: scratch)
        #expect(second.status == 1)
        #expect(second.error.contains("--database") && second.error.contains("curl"))
        // Looking at jobs needs no such right.
        let list = try await Narrowgate.run(["jobs", "list", "--database", scratch.path("jobs.sqlite")], in: scratch)
        #expect(list.status == 0)
        #expect(list.lines == ["no jobs"])
        await server.stop()
    }
}
