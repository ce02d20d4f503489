import HTTPServer
import HTTPTypes
import StrictJSON

/// The three forms of `POST /v1/captions`, told apart.
enum CaptionContent {
    case json(JSONFields)
    /// A picture with its request in names and texts, from the query or a form's parts, or in a form's part `request`.
    case picture([UInt8], items: [(name: String, text: String)], request: JSONObject?)

    init(_ request: Request) throws {
        let query = request.query.map { (name: $0.name, text: $0.value) }
        guard let type = try request.mediaType(), !type.isURLEncodedForm else {
            // curl announces a form whatever it sends, others nothing: the content itself decides.
            let first = request.content.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
            self =
                first == UInt8(ascii: "{")
                ? .json(try Request.members(request.content))
                : .picture(request.content, items: query, request: nil)
            return
        }
        if type.isJSON {
            self = .json(try Request.members(request.content))
        } else if type.isImageOrBytes {
            self = .picture(request.content, items: query, request: nil)
        } else if type.isMultipartForm {
            self = try Self.form(try MultipartForm(request.content, type: type), query: query)
        } else {
            throw Problem(
                .unsupportedMediaType,
                "a caption is asked for in JSON (application/json), with a picture as the content (image/png, image/jpeg) "
                    + "or with a multipart form, not with \(type.essence)")
        }
    }

    private static func form(_ form: MultipartForm, query: [(name: String, text: String)]) throws -> CaptionContent {
        guard let image = form["image"] else {
            throw Problem(.missingField, field: "image", "is required: a part with the picture's file")
        }
        let request = try form["request"].map { try JSONField(try JSONParser.parse($0.content)).object(at: "request") }
        var items = query
        for part in form.parts where part.name != "image" && part.name != "request" {
            items.append((name: part.name, text: try part.text()))
        }
        return .picture(Array(image.content), items: items, request: request)
    }
}

extension JSONField {
    /// The object that this is.
    fileprivate func object(at part: String) throws(Problem) -> JSONObject {
        guard case .object(let object) = value else {
            throw Problem(.wrongType, field: part, "expected an object, found \(value.kind)")
        }
        return object
    }
}
