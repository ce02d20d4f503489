import Store
import StrictJSON

/// An ended job with its rows.
struct JobRecordRows {
    let job: JobRecord
    let rows: [JSONValue]

    /// Where to find it again.
    var reference: String { "job \(job.id) on \(job.model)" }

    /// The job's summary rows.
    var summary: [JSONValue] {
        job.summary.flatMap { try? JSONParser.parse($0) }?["rows"]?.arrayValue ?? []
    }

    /// The most rows that are listed one by one.
    static let listLimit = 60
}
