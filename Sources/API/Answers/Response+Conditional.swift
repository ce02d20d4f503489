import HTTPServer
import HTTPTypes
import Store

extension Response {
    /// The same answer with an entity tag, or 304 where the client has it already (RFC 9110 §13.1.2).
    ///
    /// For JSON that is computed anew for each request: only the way is saved, not the work. The tag is weak, because the same
    /// JSON may be sent compressed or not.
    ///
    /// - throws: ``Problem`` 412; `StoreError` if libcrypto has no SHA-256 to offer.
    func tagged(for request: Request) throws -> Response {
        guard request.method == .get || request.method == .head, status == .ok, headerFields[.eTag] == nil,
            headerFields[.cacheControl] != "no-store", headerFields[.contentType] == "application/json",
            case .bytes(let bytes) = content
        else { return self }
        var tagged = self
        let tag = EntityTags.weak(try ContentDigest.of(bytes))
        try request.checkMatch(of: [tag])
        tagged.headerFields[.eTag] = tag
        return tagged.unlessKnown(to: request)
    }

    /// The same answer, or 304 if the client has what its entity tag names.
    func unlessKnown(to request: Request) -> Response {
        guard let tag = headerFields[.eTag], let known = request.headerFields[.ifNoneMatch],
            EntityTags.list(known, names: tag)
        else { return self }
        var fields = headerFields
        fields[.contentType] = nil
        fields[.contentDisposition] = nil
        return Response(status: .notModified, headerFields: fields)
    }
}

extension Request {
    /// What `If-Match` asks for before anything is done (RFC 9110 §13.1.1). There are no dates of change, so that
    /// `If-Unmodified-Since` means nothing (§13.1.4).
    ///
    /// - Parameter tags: those of what is there, one a form.
    /// - throws: ``Problem`` 412.
    func checkMatch(of tags: [String]) throws(Problem) {
        guard let condition = combined(.ifMatch), !tags.contains(where: { EntityTags.list(condition, are: $0) })
        else { return }
        throw Problem(
            .preconditionFailed, field: "If-Match",
            "\"\(condition.prefix(80))\" names no entity tag of what is there"
                + (condition.contains("W/") ? "; weak ones never match" : ""))
    }

    /// The conditions of a request that would change what is there: as ``checkMatch(of:)``, and `If-None-Match` must not name it.
    ///
    /// - throws: ``Problem`` 412.
    func checkConditions(of tags: [String]) throws(Problem) {
        try checkMatch(of: tags)
        guard let condition = combined(.ifNoneMatch), tags.contains(where: { EntityTags.list(condition, names: $0) })
        else { return }
        throw Problem(
            .preconditionFailed, field: "If-None-Match",
            "\"\(condition.prefix(80))\" names the entity tag of what is there")
    }

    /// Whether a change depends on what is there.
    var isConditional: Bool { headerFields[.ifMatch] != nil || headerFields[.ifNoneMatch] != nil }

    /// Lists may be spread over several fields.
    private func combined(_ name: HTTPField.Name) -> String? {
        let values = headerFields[values: name]
        return values.isEmpty ? nil : values.joined(separator: ",")
    }
}
