import API
import Foundation
import StrictJSON
import Testing

@Suite("Streams on a real port, read by curl") struct LiveStreamTests {
    private static let picture = Laboratory.root.appending(path: "Tests/Goldens/chameleon-tiny/image_a.png").path

    @Test("captions stream in every request form that curl has", arguments: LiveTests.Speech.allCases)
    func forms(_ speech: LiveTests.Speech) async throws {
        let curl = try await Curl.start(speech)
        let accept = "Accept: text/event-stream"
        let request = curl.folder.appending(path: "request.json")
        try Data(#"{"max_tokens": 2, "prompt": {"preset": "caption"}}"#.utf8).write(to: request)
        let image = try #require(try await curl("/v1/images", "--data-binary", "@\(Self.picture)").json["id"])
        let body: JSONValue = ["image": image, "max_tokens": 2]
        for answer in [
            try await curl("/v1/captions?max_tokens=2", "-H", accept, "--data-binary", "@\(Self.picture)"),
            try await curl("/v1/captions", "-H", accept, "-F", "image=@\(Self.picture)", "-F", "max_tokens=2"),
            try await curl(
                "/v1/captions", "-H", accept, "-F", "image=@\(Self.picture);type=image/png", "-F",
                "request=@\(request.path);type=application/json"),
            try await curl.post("/v1/captions", body, "-H", accept),
            // curl -d announces a form, whatever it sends.
            try await curl("/v1/captions", "-H", accept, "-d", body.text),
        ] {
            #expect(answer.status == 200, "\(answer.text)")
            let events = try CaptionStreamTests.Event.all(in: answer.text)
            #expect(events.map(\.name) == ["token", "token", "done"])
            #expect(events.last?.data["usage"]?["completion_tokens"] == 2)
        }
        #expect(
            try await curl("/v1/captions?preset=x", "-H", accept, "--data-binary", "@\(Self.picture)").status == 422)
        #expect(try await curl("/v1/results", "-H", "Accept: text/csv").text.components(separatedBy: "\r\n").count == 7)
        #expect(
            try await curl("/v1/results", "-H", "Accept: application/x-ndjson").text.split(separator: "\n").count == 5)
        #expect(try await curl("/v1/results?format=csv", "-I").status == 200)
        #expect(try await curl("/docs/errors/unknown-role").text.hasPrefix("# Unknown role"))
        await curl.stop()
    }

    @Test("a client that goes in the middle frees the engine, and leaves nothing", arguments: LiveTests.Speech.allCases)
    func gone(_ speech: LiveTests.Speech) async throws {
        let curl = try await Curl.start(speech)
        // grep goes after the first event, and curl with it at the next write.
        let output = try await Shell.run(
            "curl -sN \(speech.rawValue) -H 'Accept: text/event-stream' --data-binary @'\(Self.picture)' "
                + "'\(curl.service.address)/v1/captions?max_tokens=3000' | grep -m 1 '^data: '")
        #expect(output.hasPrefix("data: {\"id\":"), "\(output)")
        // The engine has one thread: this caption comes after the other has left it.
        let next = try await curl("/v1/captions?max_tokens=1", "--data-binary", "@\(Self.picture)")
        #expect(next.status == 200)
        #expect(try await curl("/v1/jobs").json["data"]?.arrayValue?.count == 1)
        await curl.stop()
    }
}
