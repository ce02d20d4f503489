import HTTPServer
import HTTPTypes
import StrictJSON

extension Request {
    /// Contents are taken as they are (RFC 9110 §8.4).
    ///
    /// - throws: ``Problem`` 415 for one that says it is compressed, with what would be taken (§12.5.3).
    func checkContentCoding() throws(Problem) {
        let codings = headerFields[values: .contentEncoding].flatMap { $0.split(separator: ",") }.map(\.trimmed)
        guard let coding = codings.first(where: { !$0.isEmpty && $0.lowercased() != "identity" }) else { return }
        var problem = Problem(
            .unsupportedContentCoding, field: "Content-Encoding",
            "\"\(coding.prefix(40))\" is not taken; send the content as it is")
        problem.headerFields[.acceptEncoding] = "identity"
        throw problem
    }

    /// The `Content-Type`; `nil` where none is given.
    ///
    /// - throws: ``Problem`` for one that is none.
    func mediaType() throws(Problem) -> MediaType? {
        guard let text = headerFields[.contentType] else { return nil }
        guard let type = MediaType(text) else {
            throw Problem(.unsupportedMediaType, "Content-Type: \"\(text.prefix(80))\" is no media type")
        }
        return type
    }

    /// The members of a JSON content.
    ///
    /// - throws: ``Problem`` if it is announced as something else; `JSONError`.
    func jsonMembers() throws -> JSONFields {
        guard let type = try mediaType(), type.isJSON else {
            let given = headerFields[.contentType].map { "not \($0.prefix(80))" } ?? "and says so"
            throw Problem(
                .unsupportedMediaType,
                "\(path) takes JSON, \(given); send the header Content-Type: application/json")
        }
        return try Self.members(content)
    }

    /// The most commas in a document: each value takes many times its bytes in memory.
    static let valueLimit = 2_000_000

    static func members(_ content: some Collection<UInt8>) throws -> JSONFields {
        // Commas inside strings are counted along; a data: URL has one.
        guard content.count <= valueLimit || content.lazy.filter({ $0 == UInt8(ascii: ",") }).count <= valueLimit else {
            throw Problem(.tooManyValues, "the document has more than \(valueLimit) values; split it into several")
        }
        return try JSONField(try JSONParser.parse(content)).object()
    }
}
