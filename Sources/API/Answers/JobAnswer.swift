package import Store
package import StrictJSON

/// A job as it goes over the wire, and as `--json` prints it.
package struct JobAnswer: Sendable {
    package let job: JobRecord
    /// Seconds until the last cell, where it is known.
    package let etaSeconds: Double?

    package init(_ job: JobRecord, etaSeconds: Double? = nil) {
        self.job = job
        self.etaSeconds = etaSeconds
    }

    /// Where the job is found.
    package static func path(of id: String) -> String { "/v1/jobs/\(id)" }

    package var json: JSONValue {
        let path = Self.path(of: job.id)
        return [
            "id": .string(job.id), "object": "job", "kind": .string(job.kind), "model": .string(job.model),
            "status": .string(job.status.rawValue), "attempt": .integer(job.attempt),
            "created_at": .string(job.createdAt.text), "started_at": .optional(job.startedAt?.text),
            "ended_at": .optional(job.endedAt?.text),
            "progress": [
                "done": .integer(job.progress.done), "failed": .integer(job.progress.failed),
                "total": .integer(job.progress.total), "eta_seconds": .finite(etaSeconds),
            ],
            "request": Self.document(job.request), "summary": Self.document(job.summary),
            "error": Self.document(job.error),
            "links": [
                "self": .string(path), "events": .string(path + "/events"), "results": .string(path + "/results"),
                "cancel": .string(path + "/cancel"),
            ],
        ]
    }

    /// A stored document; the database holds nothing but JSON in these columns.
    private static func document(_ text: String?) -> JSONValue {
        text.flatMap { try? JSONParser.parse($0) } ?? .null
    }
}
