/// The name of a row: its job's, a slash, and its place in the job: `01JD…/17`.
package struct ResultIdentifier: Sendable, Hashable, CustomStringConvertible {
    package let job: JobIdentifier
    package let ordinal: Int

    /// Reads a row's name; `nil` for what can be none.
    package init?(_ text: String) {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, let job = JobIdentifier(String(halves[0])), let ordinal = Int(halves[1]), ordinal >= 0
        else { return nil }
        self.job = job
        self.ordinal = ordinal
    }

    package var description: String { "\(job.text)/\(ordinal)" }
}
