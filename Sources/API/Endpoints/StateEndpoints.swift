import HTTPServer
import HTTPTypes
import Interventions
import Jobs
import Store
import StrictJSON

/// `/v1/states`: activations and directions by their content.
struct StateEndpoints: Sendable {
    let jobs: JobService

    /// `POST /v1/states`: made as the JSON says, or the file that is the content.
    @Sendable func create(_ call: Routes.Call) async throws -> Response {
        let record: StateRecord
        switch try StateRequestContent(call.request) {
        case .json(let members):
            let request = try StateRequest(members, defaultModel: jobs.models.defaultName ?? "")
            if case .capture(let capture) = request.making { _ = try await jobs.loadedModel(capture.model) }
            record = try await jobs.makeState(request, key: call.key)
        case .file(let content, let upload):
            record = try await jobs.store.insert(
                try upload.state(in: content, called: "the content"), key: call.key)
        }
        return Response(.created, json: record.json, headerFields: [.location: "/v1/states/\(record.digest)"])
    }

    /// `GET /v1/states?name=&model=&site=&limit=&after=`: records, the newest first.
    @Sendable func list(_ call: Routes.Call) async throws -> Response {
        let members = try call.request.target.members(integers: ["limit"])
        let paging = try Paging(members)
        let query = StateQuery(
            name: try members.optional("name")?.string(), model: try members.optional("model")?.string(),
            site: try members.optional("site")?.string(), key: call.key?.scope, after: paging.after, limit: paging.limit
        )
        try members.finish()
        let page = try await jobs.store.states(query)
        let last = page.elements.last?.digest
        return Response(
            json: ListAnswer.json(page.elements.map(\.json), hasMore: page.hasMore, lastID: last),
            headerFields: NextPage.fields(call.request.target, after: page.hasMore ? last : nil))
    }

    /// `GET /v1/states/{id}`: `.npy`, the safetensors file, or the record with the numbers of a small one.
    @Sendable func state(_ call: Routes.Call) async throws -> Response {
        let members = try call.request.target.members()
        let form = try StateForm(members, Acceptance(call.request.headerFields))
        try members.finish()
        let digest = call.parameters["id"] ?? ""
        guard form != .json else {
            guard let (record, state) = try await jobs.store.stateTensor(digest) else {
                throw StoreError.unknownState(digest)
            }
            return Response(json: record.json(with: state), headerFields: [.vary: "Accept"])
        }
        let file = try await StateDownload(digest, as: form == .npy ? .npy : .safetensors, in: jobs.store)
        let name = "state-\(digest.dropFirst("sha256:".count).prefix(12)).\(form.rawValue)"
        return try Representation(
            type: form.mediaType, entityTag: "\"\(digest)\(form == .npy ? ".npy" : "")\"", count: file.count,
            headerFields: [
                .xContentTypeOptions: "nosniff", .vary: "Accept",
                .contentDisposition: "attachment; filename=\"\(name)\"",
                .cacheControl: "private, max-age=31536000, immutable",
            ], read: { try file.bytes($0) }
        ).answer(to: call.request)
    }

    /// `GET /v1/states/{id}/logit_lens?model=&top=`
    @Sendable func logitLens(_ call: Routes.Call) async throws -> Response {
        let members = try call.request.target.members(integers: ["top"])
        let model = try members.optional("model")?.string()
        let top = try members.optional("top")?.integer(in: Measurements.LogitLens.topRange) ?? 5
        try members.finish()
        if let model { _ = try await jobs.loadedModel(model) }
        return Response(json: try await jobs.logitLens(of: call.parameters["id"] ?? "", on: model, top: top))
    }

    /// `DELETE /v1/states/{id}`
    @Sendable func delete(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        let digest = call.parameters["id"] ?? ""
        if call.request.isConditional, try await jobs.store.state(digest) != nil {
            try call.request.checkConditions(of: ["\"\(digest)\"", "\"\(digest).npy\""])
        }
        try await jobs.store.deleteState(digest, key: call.key?.scope)
        return Response(status: .noContent)
    }
}
