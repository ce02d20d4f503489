import HTTPServer
import HTTPTypes
import Jobs
import Store
import StrictJSON

/// `/v1/images`: pictures by their content.
struct ImageEndpoints: Sendable {
    let jobs: JobService

    /// `POST /v1/images`: the file as the content, or as the part `image` of a form.
    @Sendable func upload(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        let image = try await jobs.storePicture(try Self.file(in: call.request), key: call.key)
        return Response(
            .created, json: image.json, headerFields: [.location: "/v1/images/\(image.digest)"])
    }

    private static func file(in request: Request) throws(Problem) -> [UInt8] {
        guard let type = try request.mediaType() else { return request.content }
        if type.isMultipartForm {
            let form = try MultipartForm(request.content, type: type)
            if let other = form.parts.first(where: { $0.name != "image" }) {
                throw Problem(.unknownField, field: other.name, "unknown part; the form has one part, image")
            }
            guard let part = form["image"] else {
                throw Problem(.missingField, field: "image", "is required: a part with the picture's file")
            }
            return Array(part.content)
        }
        // curl announces a form whatever it sends: the decoder says whether it is a picture.
        guard type.isImageOrBytes || type.isURLEncodedForm else {
            throw Problem(
                .unsupportedMediaType,
                "a picture is sent as image/png, image/jpeg, application/octet-stream or a multipart form, "
                    + "not as \(type.essence)")
        }
        return request.content
    }

    /// `GET /v1/images`: records, the newest first.
    @Sendable func list(_ call: Routes.Call) async throws -> Response {
        let members = try call.request.target.members(integers: ["limit"])
        let paging = try Paging(members)
        try members.finish()
        let page = try await jobs.store.images(after: paging.after, limit: paging.limit, key: call.key?.scope)
        let last = page.elements.last?.digest
        return Response(
            json: ListAnswer.json(page.elements.map(\.json), hasMore: page.hasMore, lastID: last),
            headerFields: NextPage.fields(call.request.target, after: page.hasMore ? last : nil))
    }

    /// `GET /v1/images/{id}`: the file; with `Accept: application/json` the record.
    @Sendable func image(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        let digest = call.parameters["id"] ?? ""
        guard let image = try await jobs.store.image(digest) else { throw StoreError.unknownImage(digest) }
        let type = "image/\(image.format)"
        let acceptance = Acceptance(call.request.headerFields)
        try acceptance.check(anyOf: [type, "application/json"])
        if acceptance.prefers("application/json", to: type) {
            return Response(json: image.json, headerFields: [.vary: "Accept"])
        }
        guard let file = try await jobs.store.imageContent(digest) else { throw StoreError.unknownImage(digest) }
        return try Representation(
            type: type, entityTag: "\"\(digest)\"", count: file.count,
            headerFields: [
                .xContentTypeOptions: "nosniff", .vary: "Accept",
                .cacheControl: "private, max-age=31536000, immutable",
            ], read: { Array(file[$0]) }
        ).answer(to: call.request)
    }

    /// `DELETE /v1/images/{id}`: a picture that no job names; of a picture that others hold, too, only the key's hold.
    @Sendable func delete(_ call: Routes.Call) async throws -> Response {
        try call.request.target.members().finish()
        let digest = call.parameters["id"] ?? ""
        if call.request.isConditional, try await jobs.store.image(digest) != nil {
            try call.request.checkConditions(of: ["\"\(digest)\""])
        }
        try await jobs.store.deleteImage(digest, key: call.key?.scope)
        return Response(status: .noContent)
    }
}
