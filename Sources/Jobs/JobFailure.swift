import Store
import StrictJSON

/// Why a job ended `failed`: what its `error` says, on the wire and in the database.
struct JobFailure: Error, Sendable {
    enum Code: String, Sendable {
        case cellsFailed = "cells_failed"
        case tooManyAttempts = "too_many_attempts"
        case cannotRun = "cannot_run"
    }

    let code: Code
    let message: String
    /// The id of the cell that is meant, if one is.
    var cell: String?

    /// `{"message": …, "code": …, "cell": …}`
    var json: String {
        let object = JSONObject([
            ("message", .string(message)), ("code", .string(code.rawValue)), ("cell", .optional(cell)),
        ])
        return JSONValue.object(object).text
    }

    static func cells(_ progress: JobProgress, first: CellRecord) -> JobFailure {
        let cause = first.error.flatMap { text in
            guard let value = try? JSONParser.parse(text) else { return text }
            return value["message"]?.stringValue ?? value.stringValue ?? text
        }
        let name = [first.input, first.variant, first.layer.map { "layer \($0)" }].compactMap { $0 }
            .joined(separator: ", ")
        return JobFailure(
            code: .cellsFailed,
            message: "\(progress.failed) of \(progress.total) cells failed; the first, \(first.id) (\(name)): "
                + (cause ?? "no reason was recorded"),
            cell: first.id)
    }

    static func attempts(_ job: JobRecord, limit: Int) -> JobFailure {
        JobFailure(
            code: .tooManyAttempts,
            message: "Given up after \(limit) attempts, each of which ended with the death of its worker; "
                + "\(job.progress.done) of \(job.progress.total) cells are recorded.")
    }

    static func cannotRun(_ error: any Error) -> JobFailure {
        (error as? JobFailure) ?? JobFailure(code: .cannotRun, message: "\(error)")
    }
}
