package import Models
package import StrictJSON

/// What must hold on every checkpoint, whatever it has learnt, measured on one: whether its interventions can be trusted here.
///
/// An identity compares two ways to the same numbers. Most hold to the last bit, because both ways compute the same
/// products; the others within rounding.
///
/// ```swift
/// let test = try SelfTest(model, base: picture, other: anotherPicture)
/// let results = try test.run { print($0.passed, $0.identity) }
/// ```
package struct SelfTest {
    /// What one identity came to.
    package struct Result: Sendable, Equatable {
        /// As a sentence.
        package let identity: String
        package let passed: Bool
        /// The largest difference that was measured; `nil` where the identity could not be tried.
        package let difference: Double?
        /// The largest difference that is allowed; 0 where the numbers must be equal to the last bit.
        package let bound: Double
        /// What went wrong, or where the difference was largest.
        package let detail: String?
        package let seconds: Double
    }

    /// Computes one run; another one than ``ModelRun`` can be put in its place to see that a fault is found.
    package typealias Engine = (
        Prompt, ResolvedInterventions, RunStates, GenerationOptions?, ResolvedMeasurements
    ) throws -> RunOutcome

    private let runs: SelfTestRuns

    /// - Parameters:
    ///   - request: the prompt of all runs; the model's `caption` if `nil`.
    ///   - base: the picture that interventions act on.
    ///   - other: the picture that patches and directions come from; another one than `base`.
    ///   - boundary: called at every layer boundary; throwing abandons the test.
    ///   - engine: computes the runs; `nil` is the engine itself.
    /// - throws: ``InterventionError`` where the prompt is none for this model.
    package init(
        _ model: VisionLanguageModel, prompt request: PromptRequest? = nil, base: EncodedImage, other: EncodedImage,
        boundary: @escaping () throws -> Void = {}, engine: Engine? = nil
    ) throws {
        let run = ModelRun(model, boundary: boundary)
        let context = try PromptContext(
            request ?? .preset(of: model), image: SelfTestRuns.baseImage, on: model, path: "prompt")
        runs = SelfTestRuns(
            modelRun: run, context: context,
            basePrompt: try model.prompt(context.text, images: [base]),
            otherPrompt: try model.prompt(context.text, images: [other]),
            engine: engine ?? {
                try run.run(
                    $0, interventions: $1, sourceStates: $2, generation: $3, measuring: $4)
            })
    }

    /// Tries every identity.
    ///
    /// - Parameter report: told of each as it is done.
    /// - throws: what `boundary` throws.
    @discardableResult
    package func run(_ report: (Result) -> Void = { _ in }) throws -> [Result] {
        try Identity.all.map { identity in
            let result = try result(of: identity)
            report(result)
            return result
        }
    }

    private func result(of identity: Identity) throws -> Result {
        let start = ContinuousClock.now
        var finding: Identity.Finding?
        var problem: String?
        do { finding = try identity.measure(runs) } catch let error as InterventionError {
            problem = "\(error)"
        } catch let error as ModelError {
            problem = "\(error)"
        }
        // Written so that a difference that is no number fails.
        let passed = finding.map { $0.difference <= identity.bound } ?? false
        return Result(
            identity: identity.name, passed: passed, difference: finding?.difference, bound: identity.bound,
            detail: problem ?? finding?.detail, seconds: (ContinuousClock.now - start) / .seconds(1))
    }
}

extension SelfTest.Result {
    /// The result as answers have it; a difference that is no number is `null`.
    package var json: JSONValue {
        [
            "identity": .string(identity), "passed": .bool(passed), "difference": .finite(difference),
            "bound": .number(bound), "detail": .optional(detail), "seconds": .number(seconds),
        ]
    }
}
