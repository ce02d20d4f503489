package import Interventions
import Models

/// A continuation that a body on the engine thread has begun, to be decoded together with others.
package struct Decoding<Result> {
    let model: VisionLanguageModel
    let meter: (any WorkMeter)?
    let sequence: DecodingSequence
    /// Makes the answer when the sequence has ended.
    let finish: (RunOutcome) throws -> Result

    /// - Parameter run: the one that read the prompt.
    package init(
        _ sequence: DecodingSequence, after run: ModelRun, finish: @escaping (RunOutcome) throws -> Result
    ) {
        model = run.model
        meter = run.meter
        self.sequence = sequence
        self.finish = finish
    }
}

/// What a continuation keeps in memory while it is decoded.
package struct DecodingMemory: Sendable, Equatable {
    /// What is read before it: continuations of the same prefix share its keys and values.
    package let prefix: String
    /// Keys and values of the prefix.
    package let prefixBytes: Int
    /// Its own keys and values at their most.
    package let ownBytes: Int

    package init(prefix: String, prefixBytes: Int, ownBytes: Int) {
        self.prefix = prefix
        self.prefixBytes = prefixBytes
        self.ownBytes = ownBytes
    }
}

/// How many continuations are decoded together.
package struct DecodingLimits: Sendable, Equatable {
    /// The most sequences in one step.
    package var sequences = 32
    /// The most bytes of keys and values. One continuation is decoded whatever it takes.
    package var bytes = 2 << 30

    package init(sequences: Int = 32, bytes: Int = 2 << 30) {
        self.sequences = sequences
        self.bytes = bytes
    }
}
