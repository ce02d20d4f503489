import HTTPServer
import HTTPTypes
import Jobs
import StrictJSON

/// The forms of `POST /v1/states`, told apart.
enum StateRequestContent {
    /// How a state is to be made.
    case json(JSONFields)
    /// A state's file, with what is said of it in the query or in a form's parts.
    case file([UInt8], StateUpload)

    init(_ request: Request) throws {
        let type = try request.mediaType()
        if let type, type.isMultipartForm {
            self = try Self.form(try MultipartForm(request.content, type: type), request.target)
            return
        }
        let isFile = StateUpload.isNPY(request.content) || StateUpload.isSafetensors(request.content)
        let first = request.content.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        // curl announces a form whatever it sends, others nothing: the content itself decides.
        let isUndecided = type == nil || type?.isURLEncodedForm == true
        if type?.isJSON == true || (isUndecided && !isFile && first == UInt8(ascii: "{")) {
            try request.target.members().finish()
            self = .json(try Request.members(request.content))
        } else if isUndecided || type.map(Self.isOfFiles) == true {
            self = .file(request.content, try StateUpload(try request.target.members()))
        } else {
            throw Problem(
                .unsupportedMediaType,
                "a state is asked for in JSON (application/json), or comes as a .npy or safetensors file "
                    + "(application/x-npy, application/x-safetensors, application/octet-stream) or in a multipart form, "
                    + "not as \(type?.essence ?? "nothing")")
        }
    }

    /// Whether this is said of `.npy` and safetensors files; there is no registered type for either.
    private static func isOfFiles(_ type: MediaType) -> Bool {
        ["application/octet-stream", StateForm.npy.mediaType, StateForm.safetensors.mediaType].contains(type.essence)
    }

    private static func form(_ form: MultipartForm, _ target: RequestTarget) throws -> StateRequestContent {
        guard let file = form["state"] else {
            throw Problem(.missingField, field: "state", "is required: a part with a .npy or safetensors file")
        }
        try target.members().finish()
        var object = JSONObject()
        for part in form.parts where part.name != "state" { object[part.name] = .string(try part.text()) }
        return .file(Array(file.content), try StateUpload(JSONFields(object)))
    }
}

/// The forms in which a state is answered.
enum StateForm: String, CaseIterable {
    case npy, safetensors, json

    var mediaType: String {
        switch self {
        case .npy: "application/x-npy"
        case .safetensors: "application/x-safetensors"
        case .json: "application/json"
        }
    }

    /// What `?format=` names, or else what is welcome most; `.npy` in doubt.
    init(_ members: JSONFields, _ accepted: Acceptance) throws {
        if let field = members.optional("format") {
            self = try JobEndpoints.choice(field)
            return
        }
        try accepted.check(anyOf: Self.allCases.map(\.mediaType) + ["application/octet-stream"])
        self = .npy
        for form in [Self.safetensors, .json]
        where accepted.prefers(form.mediaType, to: mediaType)
            && accepted.prefers(form.mediaType, to: "application/octet-stream")
        { self = form }
    }
}
