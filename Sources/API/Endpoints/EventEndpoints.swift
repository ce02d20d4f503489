import HTTPServer
import HTTPTypes
import Jobs
import Store
import StrictJSON

/// `GET /v1/jobs/{id}/events`: what happens to a job, as server-sent events (WHATWG HTML §9.2).
///
/// The store is the only source: an event is sent once it is durable, and a client that comes back with
/// `Last-Event-ID` gets everything after it, whichever process serves it then. The queue's updates say no more than
/// "look again". Rows (`cell`) stand before the `progress` event of their group and carry no id of their own: whoever
/// breaks off between them gets the group's rows once more.
struct EventEndpoints: Sendable {
    let jobs: JobService
    let closing: Closing

    @Sendable func follow(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        let job = try await JobEndpoints.job(call, in: jobs.store)
        var last = 0
        if let text = call.request.headerFields[.lastEventID], !text.isEmpty {
            guard let number = Int(text), number >= 0 else {
                throw Problem(
                    .invalidValue, field: "Last-Event-ID", "\"\(text.prefix(60))\" is no event's id, a number")
            }
            last = number
        }
        let begin = last
        return ServerSentEvent.response { writer in try await send(job.id, after: begin, to: writer) }
    }

    /// Sends what the store has, then waits for more, until the job has ended or nobody listens.
    private func send(_ id: String, after begin: Int, to writer: BodyWriter) async throws {
        var replay = Replay(store: jobs.store, job: id, last: begin)
        try await JobWatch(queue: jobs.queue, closing: closing).follow(id) { try await replay.send(to: writer) }
    }

    /// What the store has of a job, from an event on.
    private struct Replay {
        let store: Store
        let job: String
        /// The event that was sent last.
        var last: Int
        /// How many cells were recorded by then; cells are recorded in the order of their ordinals.
        private var sentCells: Int?

        init(store: Store, job: String, last: Int) {
            self.store = store
            self.job = job
            self.last = last
        }

        /// Sends what is new; `true` when the job has ended and all is sent.
        mutating func send(to writer: BodyWriter) async throws -> Bool {
            // Before the events: a job that has ended by now has no event after those that are read below.
            let hasEnded = try await store.job(job)?.status.isEnded ?? true
            var hasMore = true
            while hasMore {
                let page = try await store.events(of: job, after: last, limit: 100)
                for event in page.elements {
                    try await send(event, to: writer)
                    last = event.sequence
                    if event.status.isEnded { return true }
                }
                hasMore = page.hasMore
            }
            // Also for a client that comes back with the id of the very last event.
            return hasEnded
        }

        private mutating func send(_ event: EventRecord, to writer: BodyWriter) async throws {
            if event.kind == .progress { try await sendCells(until: event, to: writer) }
            try await writer.write(
                ServerSentEvent.text(event.kind.rawValue, id: event.sequence, data: event.json.text))
        }

        private mutating func sendCells(until event: EventRecord, to writer: BodyWriter) async throws {
            var sent = try await sentBefore(event)
            while sent < event.progress.done {
                var query = CellQuery(job: job, limit: min(100, event.progress.done - sent))
                if sent > 0 { query.after = CellQuery.Cursor(job: job, ordinal: sent - 1) }
                let cells = try await store.documents(query, bytes: 1 << 20).elements
                for cell in cells { try await writer.write(ServerSentEvent.text("cell", data: cell.document)) }
                guard !cells.isEmpty else { break }
                sent += cells.count
            }
            sentCells = event.progress.done
        }

        /// The cells that the client has: all that were recorded when the event before this one was written.
        private func sentBefore(_ event: EventRecord) async throws -> Int {
            if let sentCells { return sentCells }
            guard event.sequence > 1 else { return 0 }
            let before = try await store.events(of: job, after: event.sequence - 2, limit: 1).elements.first
            return before?.progress.done ?? 0
        }
    }
}
