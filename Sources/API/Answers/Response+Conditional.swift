import HTTPServer
import HTTPTypes
import Store

extension Response {
    /// The same answer with an entity tag, or 304 where the client has it already (RFC 9110 §13.1.2).
    ///
    /// For JSON that is computed anew for each request: only the way is saved, not the work. The tag is weak, because the same
    /// JSON may be sent compressed or not.
    ///
    /// - throws: `StoreError` if libcrypto has no SHA-256 to offer.
    func tagged(for request: Request) throws -> Response {
        guard request.method == .get || request.method == .head, status == .ok, headerFields[.eTag] == nil,
            headerFields[.cacheControl] != "no-store", headerFields[.contentType] == "application/json",
            case .bytes(let bytes) = content
        else { return self }
        var tagged = self
        tagged.headerFields[.eTag] = EntityTags.weak(try ContentDigest.of(bytes))
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
