package import HTTPServer
import HTTPTypes
import Interventions
import Jobs
import Models
import Store
import StrictJSON

/// Every error of the floors below, and what becomes of it over HTTP. The only place that decides so.
extension Problem {
    /// The problem that `error` is to its client; `nil` for what no client can have caused and nobody foresaw.
    package init?(_ error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as JSONError: self.init(error)
        case let error as InterventionError: self.init(error)
        case let error as UnknownModel: self.init(.unknownModel, field: "model", "\(error)")
        case let error as UnknownImage:
            self.init(
                .unknownImage, field: error.path,
                "there is no image \(error.digest); upload it with POST /v1/images")
        case let error as RefusedImage: self.init(error.error, field: error.path)
        case let error as CellFailure: self.init(.damagedImage, "\(error)")
        case let error as ImageReferenceError: self.init(.invalidImageReference, field: error.path, error.detail)
        case let error as UnknownResult: self.init(.unknownResult, field: "result", "\(error)")
        case let error as CannotReplay: self.init(.cannotReplay, field: "result", "\(error)")
        case let error as MalformedState:
            self.init(
                .malformedState, status: error.isNoState ? .unsupportedMediaType : .unprocessableContent, "\(error)")
        case let error as TooManyCells: self.init(.tooManyCells, "\(error)")
        case let error as PictureError: self.init(error, field: nil)
        case let error as ModelError: self.init(error)
        case let error as ModelUnavailable: self.init(.modelUnavailable, field: "model", "\(error)")
        case let error as StoreError: self.init(error)
        case let error as EngineError: self.init(error)
        case let error as Refusal: self.init(error)
        case is CancellationError:
            self.init(.shuttingDown, "the request was given up before it was done; send it again")
        default: return nil
        }
    }

    private init(_ error: JSONError) {
        let code: ProblemCode =
            switch error.kind {
            case .malformed: .malformedJSON
            case .unknownField: .unknownField
            case .missingField: .missingField
            case .wrongType: .wrongType
            case .invalidValue: error.code.flatMap { ProblemCode(rawValue: $0) } ?? .invalidValue
            }
        self.init(code, field: error.path, error.problem)
    }

    private init(_ error: InterventionError) {
        let code = ProblemCode(rawValue: error.code.rawValue) ?? .unsupportedIntervention
        // What is too much to measure is understood; the same code for a document that is too large is a 413.
        self.init(
            code, status: code == .tooManyValues ? .unprocessableContent : nil, field: error.path, error.detail)
    }

    /// A picture in a field, or as the whole content where `field` is `nil`: then it is the content that is of no use.
    private init(_ error: PictureError, field: String?) {
        let status: HTTPResponse.Status = field == nil ? .unsupportedMediaType : .unprocessableContent
        switch error.kind {
        case .notAnImage: self.init(.notAnImage, status: status, field: field, error.description)
        case .damaged: self.init(.damagedImage, field: field, error.description)
        case .tooLarge: self.init(.imageTooLarge, field: field, error.description)
        }
    }

    private init(_ error: ModelError) {
        switch error.kind {
        case .configuration: self.init(.modelUnavailable, "\(error)")
        case .prompt: self.init(.invalidPrompt, "\(error)")
        case .image: self.init(.damagedImage, "\(error)")
        case .length: self.init(.promptTooLong, "\(error)")
        }
    }

    private init(_ error: StoreError) {
        switch error {
        case .queueFull: self.init(.queueFull, "\(error)")
        case .unknownJob: self.init(.unknownJob, "\(error)")
        case .unknownImage: self.init(.unknownImage, "\(error)")
        case .unknownState: self.init(.unknownState, "\(error)")
        case .unknownKey: self.init(.unknownKey, "\(error)")
        case .quota(.bytes, _): self.init(.storageFull, "\(error)")
        case .quota: self.init(.quotaExceeded, "\(error)")
        case .stateInUse: self.init(.stateInUse, "\(error)")
        case .imageInUse: self.init(.imageInUse, "\(error)")
        case .jobInUse: self.init(.jobInUse, "\(error)")
        case .jobUnfinished: self.init(.jobUnfinished, "\(error)")
        case .idempotencyKeyReused: self.init(.idempotencyKeyReused, field: "Idempotency-Key", "\(error)")
        case .conflict: self.init(.jobEnded, "\(error)")
        case .full: self.init(.diskFull, "\(error)")
        case .database, .stateFile: self.init(.storeFailed, "\(error)")
        default: self.init(.internalError, "\(error)")
        }
    }

    private init(_ error: EngineError) {
        switch error {
        case .busy: self.init(.engineBusy, "\(error)")
        case .stopped: self.init(.shuttingDown, "the server is being stopped; send the request again in a moment")
        }
    }

    /// What the server refuses before any route sees it.
    package init(_ refusal: Refusal) {
        let code = ProblemCode(rawValue: refusal.reason.rawValue) ?? .internalError
        self.init(code, status: refusal.status, refusal.detail)
    }
}

/// A served model that cannot be loaded.
struct ModelUnavailable: Error, CustomStringConvertible {
    let name: String
    let cause: any Error

    var description: String { "the model \(name) cannot be loaded: \(cause)" }
}

extension HTTPField.Name {
    // A token, spelled here, so that the initializers cannot fail.
    static let xShouldRetry = Self("x-should-retry")!
    static let link = Self("Link")!
    static let prefer = Self("Prefer")!
    static let preferenceApplied = Self("Preference-Applied")!
    static let idempotencyKey = Self("Idempotency-Key")!
    static let lastEventID = Self("Last-Event-ID")!
}
