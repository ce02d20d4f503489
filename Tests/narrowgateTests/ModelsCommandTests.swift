import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite("models, from the shell") struct ModelsCommandTests {
    private static let goldens = Narrowgate.root.appending(path: "Tests/Goldens")

    @Test("a self-test prints a line for each identity, and a summary")
    func selfTest() async throws {
        let scratch = try ScratchFolder("models")
        let outcome = try await Narrowgate.run(
            [
                "models", "selftest", "gate", "--image", CommandLineTests.cross, "--other-image",
                CommandLineTests.square,
            ], in: scratch)
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.error)")
        #expect(outcome.lines.dropLast().count == 17 && outcome.lines.dropLast().allSatisfy { $0.hasPrefix("ok ") })
        #expect(outcome.lines.last?.hasPrefix("gate: all 17 identities hold, ") == true)
    }

    @Test("a folder that no one knows is tested with pictures that are drawn, and --json says the same")
    func folder() async throws {
        let scratch = try ScratchFolder("models")
        let outcome = try await Narrowgate.run(
            ["models", "selftest", Self.goldens.appending(path: "chameleon-34b-tiny").path, "--json"], in: scratch)
        #expect(outcome.status == 0)
        let answer = try JSONParser.parse(outcome.output)
        #expect(answer["passed"] == true && answer["model"] == "chameleon-34b-tiny")
        let identities = try #require(answer["identities"]?.arrayValue)
        #expect(identities.count == 17 && identities.allSatisfy { $0["passed"] == true })
        #expect(identities[0]["difference"] == 0 && identities[0]["detail"] == .null)
    }

    @Test("a checkpoint that computes nonsense fails, and says at what")
    func broken() async throws {
        let scratch = try ScratchFolder("models")
        let folder = scratch.url.appending(path: "broken")
        try FileManager.default.copyItem(at: Self.goldens.appending(path: "chameleon-tiny"), to: folder)
        try DamagedCheckpoint.putNaN(into: "model.norm.weight", of: folder)
        let outcome = try await Narrowgate.run(["models", "selftest", folder.path], in: scratch)
        #expect(outcome.status == 1 && outcome.error.isEmpty)
        #expect(outcome.lines.first?.hasPrefix("FAILED  infinite ") == true, "\(outcome.output)")
        #expect(outcome.lines.contains { $0.hasPrefix("ok ") && $0.hasSuffix("no causal edge is refused") })
        #expect(outcome.lines.last?.contains("of 17 FAILED") == true)
    }

    @Test("a model that is not there is said to be missing, with those that are")
    func unknown() async throws {
        let scratch = try ScratchFolder("models")
        let outcome = try await Narrowgate.run(["models", "selftest", "gait"], in: scratch)
        #expect(outcome.status == 1)
        #expect(
            outcome.error == "narrowgate: gait is neither a folder nor a model; models are gate, open, reopened\n")
    }

    @Test("without a word models are listed, with a name one is described")
    func show() async throws {
        let scratch = try ScratchFolder("models")
        #expect(try await Narrowgate.run(["models"], in: scratch).output.contains("gate (default)"))
        let gate = try await Narrowgate.run(["models", "gate"], in: scratch)
        #expect(gate.lines.first?.hasPrefix("gate: chameleon, 6 layers") == true)
    }
}
