import Checkpoints
import Foundation
import Interventions
import Models
import TestSupport
import Testing

@Suite("The self-test of a checkpoint")
struct SelfTestTests {
    static let folders =
        TraceParityTests.checkpoints.map { TinyModel.goldens.appending(path: $0) }
        + ["gate", "open", "reopened"].map {
            TinyModel.goldens.appending(path: "../../Models/\($0)").standardizedFileURL
        }

    private func results(
        _ folder: URL, in format: NumberFormat? = nil, engine: ((ModelRun) -> SelfTest.Engine)? = nil
    ) throws -> [SelfTest.Result] {
        let model = try VisionLanguageModel(
            directory: folder, name: folder.lastPathComponent, numberFormat: format)
        let test = try SelfTest(
            model, base: try model.encodeTestPicture(0), other: try model.encodeTestPicture(1),
            engine: engine?(ModelRun(model)))
        return try test.run()
    }

    @Test("every identity holds on the reference checkpoints and on the shipped models", arguments: folders)
    func holds(folder: URL) throws {
        let results = try results(folder)
        #expect(results.count == 17)
        for result in results { #expect(result.passed, "\(result)") }
        // Two ways of the same products agree to the last bit.
        #expect(results.count { $0.bound == 0 } == 12)
    }

    @Test("in bfloat16 they hold, too, some within its rounding", arguments: folders)
    func bfloat16(folder: URL) throws {
        for result in try results(folder, in: .bfloat16) { #expect(result.passed, "\(result)") }
    }

    /// Ways to compute something else than what was asked for, and a word of the identity that must notice.
    enum Fault: String, CaseIterable, Sendable {
        case patchesAreForgotten = "source's run"
        case steersAreForgotten = "steering by the source"
        case cutsAreForgotten = "cut from every key"
        case secondCutsAreForgotten = "union"

        func engine(_ run: ModelRun) -> SelfTest.Engine {
            { prompt, interventions, states, generation, measurements in
                var interventions = interventions
                switch self {
                case .patchesAreForgotten: interventions.patches = []
                case .steersAreForgotten: interventions.steers = []
                case .cutsAreForgotten: interventions.knockouts = []
                case .secondCutsAreForgotten: interventions.knockouts = Array(interventions.knockouts.prefix(1))
                }
                return try run.run(
                    prompt, interventions: interventions, sourceStates: states, generation: generation,
                    measuring: measurements)
            }
        }
    }

    @Test("an engine that does something else is found out", arguments: Fault.allCases)
    func faults(fault: Fault) throws {
        let failed = try results(Self.folders[0], engine: fault.engine).filter { !$0.passed }
        #expect(failed.contains { $0.identity.contains(fault.rawValue) }, "\(failed.map(\.identity))")
    }

    @Test("a checkpoint with a number that is none fails, and says so")
    func notANumber() throws {
        let scratch = try ScratchFolder("selftest")
        let folder = scratch.url.appending(path: "broken")
        try FileManager.default.copyItem(at: Self.folders[0], to: folder)
        try DamagedCheckpoint.putNaN(into: "model.norm.weight", of: folder)
        let results = try results(folder)
        #expect(!results[0].passed && results[0].difference == .infinity)
        #expect(results.contains { $0.passed })
    }
}
