import StrictJSON
import TestSupport
import Testing

@Suite("The log") struct LogFormatTests {
    @Test("as JSON, has one object a line and one line a request")
    func json() async throws {
        let scratch = try ScratchFolder("log")
        let server = try await RunningServer.start(
            ["--port", "0", "--log-format", "json", "--log-level", "info"], in: scratch)
        #expect(try await server.curl("/v1/models", ["-H", "x: \"\\\""]).status == 200)
        #expect(try await server.curl("/v1/images/%22%5C").status == 404)
        await server.stop()
        let lines = try scratch.read("server.log").split(separator: "\n").map { try JSONParser.parse(String($0)) }
        let requests = lines.filter { $0["message"] == "request" }
        #expect(requests.map { $0["status"] } == [200, 404])
        #expect(requests.last?["path"] == "/v1/images/\"\\")
        for line in lines {
            #expect(line["time"] != nil && line["level"] != nil && line["logger"] != nil)
        }
    }

    @Test("a format that is none is refused")
    func unknown() async throws {
        let scratch = try ScratchFolder("log")
        let refused = try await Narrowgate.run(["serve", "--log-format", "xml"], in: scratch)
        #expect(refused.status == 64)
        #expect(refused.error.contains("text, json"))
    }
}
