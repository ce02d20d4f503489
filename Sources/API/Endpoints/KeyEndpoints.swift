import HTTPServer
import HTTPTypes
import Store
import StrictJSON

/// `/v1/keys`: who may use this server. For admins, and for `narrowgate keys` while a server has the database.
struct KeyEndpoints: Sendable {
    let store: Store
    let ring: KeyRing

    /// `POST /v1/keys`: makes one; its text is in this answer and nowhere else.
    @Sendable func add(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        let request = try KeyRequest(try call.request.jsonMembers())
        let (record, text, hash) = try await request.add(to: store)
        ring.add(record, hash: hash)
        return Response(
            .created, json: record.json(text: text),
            headerFields: [.location: "/v1/keys/\(record.id)", .cacheControl: "no-store"])
    }

    /// `GET /v1/keys`: all there ever were, the oldest first.
    @Sendable func list(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        let keys = try await store.keys().map { $0.record.json() }
        return Response(json: ListAnswer.json(keys, hasMore: false, lastID: keys.last?["id"]?.stringValue))
    }

    /// `DELETE /v1/keys/{id}`: revokes it, for every request from now on.
    @Sendable func revoke(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        let record = try await store.revokeKey(call.parameters["id"] ?? "")
        ring.update(record)
        return Response(json: record.json())
    }
}
