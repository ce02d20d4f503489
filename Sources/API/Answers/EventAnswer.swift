package import Store
package import StrictJSON

extension EventRecord {
    /// The event's data as it goes over the wire.
    package var json: JSONValue {
        [
            "job": .string(job), "status": .string(status.rawValue), "attempt": .integer(attempt),
            "progress": [
                "done": .integer(progress.done), "failed": .integer(progress.failed), "total": .integer(progress.total),
            ],
            "created_at": .string(createdAt.text),
        ]
    }
}
