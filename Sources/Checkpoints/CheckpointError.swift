/// What is wrong with a checkpoint: which file, which tensor or field of it, and what would be right.
package struct CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file, as it was asked for.
    package let file: String
    /// The tensor or the field concerned; `nil` where the whole file is meant.
    package let subject: String?
    /// What was wrong and what would be right, as the end of a sentence.
    package let problem: String

    package init(file: String, subject: String? = nil, _ problem: String) {
        self.file = file
        self.subject = subject
        self.problem = problem
    }

    package var description: String {
        if let subject { return "\(file): \(subject): \(problem)" }
        return "\(file): \(problem)"
    }
}
