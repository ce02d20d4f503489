import Jobs
import StrictJSON

/// Rows that were computed again, for people.
struct ReplayPage {
    /// Where a row differs; nothing for one that is equal.
    func differenceLines(_ verification: Verification) -> [String] {
        guard !verification.isEqual else { return [] }
        let lines = verification.differences.map { "  " + Self.line($0) }
        let more = verification.differenceCount - verification.differences.count
        return ["\(verification.result) differs"] + lines + (more > 0 ? ["  … and at \(more) more places"] : [])
    }

    /// How a row was made differently from how it is made here.
    func provenanceLines(_ verification: Verification) -> [String] {
        verification.provenanceDifferences.map { "made otherwise: " + Self.line($0) }
    }

    func conclusion(_ rows: Int, different: Int) -> [String] {
        switch (rows, different) {
        case (0, _): ["no rows are recorded"]
        case (1, 0): ["equal"]
        case (_, 0): ["equal: all \(rows) rows"]
        case (1, _): []
        default: ["\(different) of \(rows) rows differ"]
        }
    }

    private static func line(_ difference: ValueDifference) -> String {
        let shown = difference.json
        return "\(difference.path): stored \(shown["stored"]?.text ?? ""), computed \(shown["computed"]?.text ?? "")"
    }
}
