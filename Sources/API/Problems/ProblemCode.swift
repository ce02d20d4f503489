package import HTTPTypes

/// Why a request was not served, as a word that programs may rely on.
///
/// Each has a page under docs/errors. The codes of `InterventionError` and `Refusal` stand here under their own names.
package enum ProblemCode: String, Sendable, CaseIterable {
    // The request cannot be read.
    case malformedJSON = "malformed_json"
    case malformedForm = "malformed_form"
    case unknownField = "unknown_field"
    case missingField = "missing_field"
    case wrongType = "wrong_type"
    case unsupportedParameter = "unsupported_parameter"
    case unsupportedMediaType = "unsupported_media_type"
    case unsupportedContentCoding = "unsupported_content_coding"
    case notAnImage = "not_an_image"
    case tooManyValues = "too_many_values"

    // Who asks may not.
    case missingKey = "missing_key"
    case invalidKey = "invalid_key"
    case adminOnly = "admin_only"
    case rateLimited = "rate_limited"
    case quotaExceeded = "quota_exceeded"
    case storageFull = "storage_full"
    case unknownKey = "unknown_key"

    // It names what is not there.
    case notFound = "not_found"
    case methodNotAllowed = "method_not_allowed"
    case notAcceptable = "not_acceptable"
    case unknownModel = "unknown_model"
    case unknownImage = "unknown_image"
    case unknownJob = "unknown_job"
    case unknownState = "unknown_state"
    case unknownResult = "unknown_result"

    // It is understood, but cannot be done.
    case invalidValue = "invalid_value"
    case invalidImageReference = "invalid_image_reference"
    case damagedImage = "damaged_image"
    case imageTooLarge = "image_too_large"
    case invalidPrompt = "invalid_prompt"
    case tooManyCells = "too_many_cells"
    case unknownRole = "unknown_role"
    case unresolvedRole = "unresolved_role"
    case positionOutOfRange = "position_out_of_range"
    case layerOutOfRange = "layer_out_of_range"
    case headOutOfRange = "head_out_of_range"
    case unknownSite = "unknown_site"
    case unknownMode = "unknown_mode"
    case unknownVariant = "unknown_variant"
    case nothingToDo = "nothing_to_do"
    case overlappingPatches = "overlapping_patches"
    case positionCountMismatch = "position_count_mismatch"
    case missingSource = "missing_source"
    case stateMismatch = "state_mismatch"
    case unsupportedIntervention = "unsupported_intervention"
    case unknownToken = "unknown_token"
    case unknownPreset = "unknown_preset"
    case promptTooLong = "prompt_too_long"
    case imageCountMismatch = "image_count_mismatch"
    case cannotReplay = "cannot_replay"
    case jobEnded = "job_ended"
    case jobUnfinished = "job_unfinished"
    case jobInUse = "job_in_use"
    case imageInUse = "image_in_use"
    case idempotencyKeyReused = "idempotency_key_reused"
    case malformedState = "malformed_state"
    case stateInUse = "state_in_use"
    case rangeNotSatisfiable = "range_not_satisfiable"
    case preconditionFailed = "precondition_failed"

    // The server cannot do it now.
    case queueFull = "queue_full"
    case engineBusy = "engine_busy"
    case notReady = "not_ready"
    case shuttingDown = "shutting_down"
    case modelUnavailable = "model_unavailable"
    case storeFailed = "store_failed"
    case diskFull = "disk_full"
    case internalError = "internal_error"

    // The server refuses it before it reaches a route.
    case badRequestLine = "bad_request_line"
    case badTarget = "bad_target"
    case badHeader = "bad_header"
    case badHost = "bad_host"
    case badFraming = "bad_framing"
    case badChunk = "bad_chunk"
    case unsupportedTransferCoding = "unsupported_transfer_coding"
    case unsupportedHTTPVersion = "unsupported_http_version"
    case targetTooLong = "target_too_long"
    case headersTooLarge = "headers_too_large"
    case contentTooLarge = "content_too_large"
    case lengthRequired = "length_required"
    case unsupportedExpectation = "unsupported_expectation"
    case wrongHost = "wrong_host"
    case crossSite = "cross_site"
    case headerTimeout = "header_timeout"
    case contentTimeout = "content_timeout"
    case overloaded

    /// The status that it is answered with, where the situation does not call for another.
    package var status: HTTPResponse.Status {
        switch self {
        case .malformedJSON, .malformedForm, .unknownField, .missingField, .wrongType, .unsupportedParameter,
            .badRequestLine, .badTarget,
            .badHeader, .badHost, .badFraming, .badChunk:
            .badRequest
        case .missingKey, .invalidKey: .unauthorized
        case .crossSite, .adminOnly, .storageFull: .forbidden
        case .notFound, .unknownModel, .unknownImage, .unknownJob, .unknownState, .unknownResult, .unknownKey: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .notAcceptable: .notAcceptable
        case .headerTimeout, .contentTimeout: .requestTimeout
        case .jobEnded, .jobUnfinished, .jobInUse, .imageInUse, .stateInUse: .conflict
        case .rangeNotSatisfiable: .rangeNotSatisfiable
        case .preconditionFailed: .preconditionFailed
        case .contentTooLarge, .tooManyValues: .contentTooLarge
        case .lengthRequired: .lengthRequired
        case .targetTooLong: .uriTooLong
        case .unsupportedMediaType, .unsupportedContentCoding, .notAnImage: .unsupportedMediaType
        case .unsupportedExpectation: .expectationFailed
        case .wrongHost: .misdirectedRequest
        case .invalidValue, .invalidImageReference, .damagedImage, .imageTooLarge, .invalidPrompt, .tooManyCells,
            .unknownRole, .unresolvedRole, .positionOutOfRange, .layerOutOfRange, .headOutOfRange, .unknownSite,
            .unknownMode, .unknownVariant, .nothingToDo, .overlappingPatches, .positionCountMismatch, .missingSource,
            .stateMismatch, .unsupportedIntervention, .unknownToken, .unknownPreset, .promptTooLong,
            .imageCountMismatch, .malformedState, .cannotReplay, .idempotencyKeyReused:
            .unprocessableContent
        case .queueFull, .rateLimited, .quotaExceeded: .tooManyRequests
        case .headersTooLarge: .requestHeaderFieldsTooLarge
        case .modelUnavailable, .internalError: .internalServerError
        case .diskFull: .init(code: 507, reasonPhrase: "Insufficient Storage")
        case .unsupportedTransferCoding: .notImplemented
        case .engineBusy, .notReady, .shuttingDown, .overloaded, .storeFailed: .serviceUnavailable
        case .unsupportedHTTPVersion: .httpVersionNotSupported
        }
    }

    /// A few words for people, the same at every occurrence: `Unknown role`.
    package var title: String {
        switch self {
        case .malformedJSON: "Malformed JSON"
        case .notAnImage: "Not an image"
        case .unsupportedHTTPVersion: "Unsupported HTTP version"
        default: rawValue.prefix(1).uppercased() + rawValue.dropFirst().replacing("_", with: " ")
        }
    }

    /// Where its page is: `/docs/errors/unknown-role`.
    package var page: String { "/docs/errors/" + rawValue.replacing("_", with: "-") }

    /// Seconds after which the same request may succeed, for what passes by itself.
    var retryAfter: Int? {
        switch self {
        case .queueFull, .quotaExceeded, .storeFailed: 5
        case .engineBusy, .notReady, .shuttingDown, .overloaded: 1
        default: nil
        }
    }
}
