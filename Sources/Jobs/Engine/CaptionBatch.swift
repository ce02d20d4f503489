import Interventions
import Models

/// The captions that are decoded together, a token of each in a step. Used on the engine's thread only.
///
/// A caption joins between two steps, when its prompt has been read, and leaves when its text ends, when nobody waits for
/// it any more, or when it fails; the others go on. Its tokens are the same whoever else is there (``ModelRun/step(_:)``).
final class CaptionBatch {
    /// One caption under way.
    private struct Member {
        let submission: Submission
        let model: VisionLanguageModel
        let meter: (any WorkMeter)?
        let sequence: DecodingSequence
        /// Resumes whoever waits for it; called once.
        let end: (Result<RunOutcome, any Error>) -> Void
    }

    /// What the engine knows of a caption beside what it computes.
    struct Submission {
        /// Its place in the order in which bodies came.
        let number: Int
        let memory: DecodingMemory
        let cancellation: CancellationFlag
    }

    private let limits: DecodingLimits
    private let stopped: () -> Bool
    private var members: [Member] = []

    /// - Parameter stopped: whether the engine has been stopped.
    init(limits: DecodingLimits, stopped: @escaping () -> Bool) {
        self.limits = limits
        self.stopped = stopped
    }

    var isEmpty: Bool { members.isEmpty }

    /// Whether a caption is under way that came before body `number`.
    func holds(before number: Int) -> Bool { members.contains { $0.submission.number < number } }

    /// Whether there is room for one more.
    func hasRoom(for memory: DecodingMemory) -> Bool {
        guard !members.isEmpty else { return true }
        var prefixes = [memory.prefix: memory.prefixBytes]
        var bytes = memory.ownBytes
        for member in members {
            prefixes[member.submission.memory.prefix] = member.submission.memory.prefixBytes
            bytes += member.submission.memory.ownBytes
        }
        return members.count < limits.sequences && bytes + prefixes.values.reduce(0, +) <= limits.bytes
    }

    /// Takes a caption in whose prompt has been read; `end` is called when it leaves.
    func join<Answer>(
        _ decoding: Decoding<Answer>, _ submission: Submission, end: @escaping (Result<Answer, any Error>) -> Void
    ) {
        let member = Member(
            submission: submission, model: decoding.model, meter: decoding.meter, sequence: decoding.sequence
        ) { result in
            end(Result { try decoding.finish(try result.get()) })
        }
        // Beside the last one of the same prefix, which is read once for those that stand together.
        let at = members.lastIndex { $0.submission.memory.prefix == submission.memory.prefix }
        members.insert(member, at: at.map { $0 + 1 } ?? members.endIndex)
        removeEnded()
    }

    /// A token of each caption, model by model.
    func step() {
        removeCancelled()
        var waiting = members
        while let first = waiting.first {
            let together = waiting.filter { $0.model === first.model }
            waiting.removeAll { $0.model === first.model }
            step(together, on: first.model, meter: first.meter)
        }
        removeEnded()
    }

    private func step(_ together: [Member], on model: VisionLanguageModel, meter: (any WorkMeter)?) {
        let run = ModelRun(model, meter: meter) { [stopped] in if stopped() { throw EngineError.stopped } }
        do {
            try run.step(together.map(\.sequence))
        } catch EngineError.stopped {
            return removeCancelled()
        } catch {
            // One of them cannot go on. A failed step leaves all as they were, so that each may try alone.
            for member in together {
                do { try run.step([member.sequence]) } catch { remove(member, .failure(error)) }
            }
        }
    }

    private func removeCancelled() {
        if stopped() {
            for member in members { remove(member, .failure(EngineError.stopped)) }
        }
        for member in members where member.submission.cancellation.isRaised {
            remove(member, .failure(CancellationError()))
        }
    }

    private func removeEnded() {
        for member in members where member.sequence.hasEnded { remove(member, .success(member.sequence.outcome)) }
    }

    private func remove(_ member: Member, _ result: Result<RunOutcome, any Error>) {
        members.removeAll { $0.submission.number == member.submission.number }
        member.end(result)
    }
}
