import HTTPTypes

/// Compresses answers for clients that would like it (`Accept-Encoding`, RFC 9110 §12.5.3): gzip, or nothing.
///
/// What is text is compressed from ``smallest`` bytes on; streams are, piece by piece. Left alone are pictures and tensors, which
/// are dense already and asked for in ranges, and events, whose pieces are too small to gain anything.
enum ContentCoding {
    /// Below it, in bytes, there is nothing to gain.
    static let smallest = 1024

    /// `response`, compressed if it is worth it and `request` allows it.
    static func encode(_ response: Response, for request: Request) -> Response {
        guard isCompressible(response) else { return response }
        var encoded = response
        encoded.headerFields[.vary] = vary(response.headerFields[.vary])
        guard accepts(request.headerFields[values: .acceptEncoding]) else { return encoded }
        switch response.content {
        case .bytes(let bytes):
            guard bytes.count >= smallest, !response.statusForbidsContent, let gzip = try? GzipStream() else {
                return encoded
            }
            encoded.content = .bytes(gzip.compress(bytes, isLast: true))
        case .stream(let produce):
            encoded.contentLength = nil
            encoded.content = .stream { writer in
                let gzip = try GzipStream()
                try await produce(BodyWriter { try await writer.write(gzip.compress($0, isLast: false)) })
                try await writer.write(gzip.compress([], isLast: true))
            }
        }
        encoded.headerFields[.contentEncoding] = "gzip"
        return encoded
    }

    /// Whether the content is text that anybody may have compressed. A strong entity tag names bytes, and ranges count them, so
    /// what has either stays as it is.
    private static func isCompressible(_ response: Response) -> Bool {
        let fields = response.headerFields
        guard fields[.contentEncoding] == nil, fields[.acceptRanges] == nil, fields[.contentRange] == nil,
            fields[.eTag]?.hasPrefix("W/") ?? true,
            fields[.cacheControl]?.lowercased().contains("no-transform") != true
        else { return false }
        // An answer that says 304 has no type, and must vary as the whole one would.
        guard let type = fields[.contentType]?.lowercased().prefix(while: { $0 != ";" && $0 != " " }) else {
            return response.status == .notModified
        }
        guard type != "text/event-stream" else { return false }
        return type.hasPrefix("text/") || type.hasSuffix("json") || type.hasSuffix("xml")
            || type == "application/javascript"
    }

    /// Whether gzip is welcome, and no less so than plain bytes.
    static func accepts(_ values: [String]) -> Bool {
        var gzip: Double?
        var anything: Double?
        var identity: Double?
        for element in values.joined(separator: ",").lowercased().split(separator: ",") {
            let parts = element.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
            guard let name = parts.first else { continue }
            var quality = 1.0
            for parameter in parts.dropFirst() where parameter.hasPrefix("q=") {
                quality = Double(parameter.dropFirst(2)) ?? 0
            }
            switch name {
            case "gzip", "x-gzip": gzip = max(gzip ?? 0, quality)
            case "identity": identity = quality
            case "*": anything = quality
            default: break
            }
        }
        guard let quality = gzip ?? anything, quality > 0 else { return false }
        return quality >= identity ?? 0
    }

    private static func vary(_ fields: String?) -> String {
        guard let fields, !fields.isEmpty else { return "Accept-Encoding" }
        return fields == "*" || fields.lowercased().contains("accept-encoding") ? fields : fields + ", Accept-Encoding"
    }
}
