import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite("The example pictures") struct ExamplePictureTests {
    static let examples: [JSONValue] = {
        let list = try? Data(contentsOf: URL(filePath: Narrowgate.picture("examples.json")))
        return (list.flatMap { try? JSONParser.parse($0) })?.arrayValue ?? []
    }()

    /// Those that were asked.
    static let models = examples.first?["says"]?.objectValue?.names ?? []

    @Test("each shipped model says of every picture what examples.json says that it says", arguments: models)
    func said(model: String) async throws {
        #expect(Self.examples.count >= 12)
        let scratch = try ScratchFolder("examples")
        let files = try Self.examples.map { Narrowgate.picture(try #require($0["file"]?.stringValue)) }
        let outcome = try await Narrowgate.run(["caption", "--model", model, "--json"] + files, in: scratch)
        #expect(outcome.status == 0, "\(outcome.error)")
        let captions = try outcome.lines.map { try JSONParser.parse($0)["caption"] }
        #expect(captions == Self.examples.map { $0["says"]?[model]?["caption"] })
    }

    @Test("the models are right about what they know, and wrong about a white page")
    func right() throws {
        for example in Self.examples {
            let file = try #require(example["file"]?.stringValue)
            let right = example["says"]?["open"]?["caption"] == example["caption"]
            #expect(right == (file != "red-circle-on-white.png"), "\(file)")
        }
    }
}
