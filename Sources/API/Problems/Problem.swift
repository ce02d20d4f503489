package import HTTPServer
package import HTTPTypes
package import StrictJSON

/// A request that cannot be served, in the shape of RFC 9457, with the `error` object that OpenAI's clients look for.
///
/// `detail` names the field, what it held and what would be right: "layers[2]: 40 is outside 0..<32 of chameleon-7b".
package struct Problem: Error, Sendable, Equatable {
    package let code: ProblemCode
    package var status: HTTPResponse.Status
    /// The field as the request spelled it: `variants[0].knockouts[0].keys`.
    package private(set) var field: String?
    /// Beside those of every problem.
    package var headerFields: HTTPFields = [:]
    private let explanation: String

    /// - Parameters:
    ///   - status: where it is not the code's own.
    ///   - explanation: what was wrong and what would be right, as the end of a sentence that begins with the field.
    package init(
        _ code: ProblemCode, status: HTTPResponse.Status? = nil, field: String? = nil, _ explanation: String
    ) {
        self.code = code
        self.status = status ?? code.status
        self.field = field.flatMap { $0.isEmpty ? nil : $0 }
        self.explanation = explanation
        // OpenAI's clients repeat what was answered 409 or 5xx unless they are told that it is of no use.
        if let seconds = code.retryAfter {
            headerFields[.retryAfter] = "\(seconds)"
            headerFields[.xShouldRetry] = "true"
        } else if self.status == .conflict || self.status.code >= 500 {
            headerFields[.xShouldRetry] = "false"
        }
    }

    /// The whole sentence.
    package var detail: String { field.map { "\($0): \(explanation)" } ?? explanation }

    /// The same problem of a field that this request spells in another way.
    func renamingField(_ rename: (String) -> String) -> Problem {
        var problem = self
        problem.field = field.map(rename)
        return problem
    }

    /// The answer's document.
    ///
    /// - Parameter instance: the path of the request; `nil` where none could be read.
    package func json(instance: String?) -> JSONValue {
        [
            "type": .string(code.page), "title": .string(code.title), "status": .integer(status.code),
            "detail": .string(detail), "instance": .optional(instance), "field": .optional(field),
            "error": errorObject,
        ]
    }

    /// What OpenAI's clients read.
    var errorObject: JSONValue {
        [
            "message": .string(detail), "type": .string(errorType), "param": .optional(field),
            "code": .string(code.rawValue),
        ]
    }

    /// The classes that OpenAI's clients tell apart.
    private var errorType: String {
        switch status.code {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 429: "rate_limit_error"
        case 500...: "server_error"
        default: "invalid_request_error"
        }
    }

    /// The problem as an answer.
    package func response(instance: String?) -> Response {
        var response = Response(
            status: status, headerFields: headerFields, content: .bytes(json(instance: instance).bytes))
        response.headerFields[.contentType] = "application/problem+json"
        return response
    }
}
