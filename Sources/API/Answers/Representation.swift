import HTTPServer
import HTTPTypes

/// Bytes that are answered whole or in part, and need not be answered twice (RFC 9110 §13, §14).
///
///     If-Match does not name the tag        ─► 412
///     If-None-Match names the tag           ─► 304
///     Range, and no If-Range or one that fits ─► 206 with Content-Range, 416 if nothing of it is there
///     anything else                         ─► 200
///
/// One range at a time: of several, or of another unit than bytes, the whole is answered, as the RFC allows.
struct Representation: Sendable {
    /// The media type.
    let type: String
    /// A strong entity tag, in its quotes: the same tag, the same bytes.
    let entityTag: String
    /// How many bytes there are.
    let count: Int
    /// What else every answer with this representation says.
    var headerFields: HTTPFields = [:]
    /// The bytes of a range within `0..<count`.
    let read: @Sendable (Range<Int>) throws -> [UInt8]

    /// Longer answers are read and sent in pieces of this many bytes.
    private static let pieceCount = 1 << 20

    /// - throws: ``Problem`` 412, 416.
    func answer(to request: Request) throws -> Response {
        try request.checkMatch(of: [entityTag])
        var fields = headerFields
        fields[.eTag] = entityTag
        fields[.acceptRanges] = "bytes"
        if let tags = request.headerFields[.ifNoneMatch], EntityTags.list(tags, names: entityTag) {
            return Response(status: .notModified, headerFields: fields)
        }
        fields[.contentType] = type
        switch range(of: request) {
        case .whole:
            return try answer(.ok, fields, 0..<count)
        case .part(let range):
            fields[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(count)"
            return try answer(.partialContent, fields, range)
        case .unsatisfiable:
            var problem = Problem(
                .rangeNotSatisfiable, field: "Range",
                "\"\(request.headerFields[.range]?.prefix(60) ?? "")\" begins behind the end; there are \(count) bytes")
            problem.headerFields[.contentRange] = "bytes */\(count)"
            throw problem
        }
    }

    private func range(of request: Request) -> ByteRange {
        guard request.method == .get else { return .whole }
        // A date would have to be that of the last change, which is not kept: then the whole is answered.
        if let condition = request.headerFields[.ifRange], condition.trimmed != entityTag { return .whole }
        return ByteRange(request.headerFields[.range], of: count)
    }

    private func answer(_ status: HTTPResponse.Status, _ fields: HTTPFields, _ range: Range<Int>) throws -> Response {
        guard range.count > Self.pieceCount else {
            return Response(status: status, headerFields: fields, content: .bytes(try read(range)))
        }
        let stream = Response.Content.stream { [read] writer in
            for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.pieceCount) {
                try await writer.write(try read(start..<min(start + Self.pieceCount, range.upperBound)))
            }
        }
        var response = Response(status: status, headerFields: fields, content: stream)
        response.contentLength = range.count
        return response
    }
}
