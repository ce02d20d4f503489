package import StrictJSON

extension JSONValue {
    /// A row of a job without what differs between two runs of one request: `id`, `job` and `seconds`.
    package var withoutItsRun: JSONValue {
        guard var row = objectValue else { return self }
        for name in ["id", "job", "seconds"] { row[name] = nil }
        return .object(row)
    }
}

extension RunningServer {
    /// A picture's digest, after it was uploaded.
    package func upload(_ path: String) async throws -> JSONValue {
        let answer = try await ask("/v1/images", "--data-binary", "@\(path)")
        return answer.json["id"] ?? .null
    }

    /// A job's rows in their order, at most 1000.
    ///
    /// - Parameter path: the job's, such as `/v1/jobs/01JD…`.
    package func rows(of path: String) async throws -> [JSONValue] {
        try await ask("\(path)/results?limit=1000").json["data"]?.arrayValue ?? []
    }
}
