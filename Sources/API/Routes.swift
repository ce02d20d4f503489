package import HTTPServer
import HTTPTypes
package import Jobs
package import Logging
import StrictJSON

/// What paths and methods lead to, and what becomes of every request that is refused.
///
///     Request ─► Router ─► endpoint ─► JobService, Store
///                  │           │
///                  └─ 404, 405 ┴─ errors ─► Problem ─► Response
///
/// Knows no sockets: `answer` is a function from requests to responses, and tests call it as such.
package struct Routes: Sendable {
    /// A request that has found its route.
    struct Call: Sendable {
        let request: Request
        let parameters: PathParameters
    }

    typealias Endpoint = @Sendable (Call) async throws -> Response

    private let router: Router<Endpoint>
    private let health: HealthEndpoints
    private let failures: RequestFailures

    package init(jobs: JobService, closing: Closing = Closing(), logger: Logger = Logger(label: "api")) {
        let failures = RequestFailures(logger: logger)
        let images = ImageEndpoints(jobs: jobs)
        let states = StateEndpoints(jobs: jobs)
        let submissions = SubmissionEndpoints(
            jobs: jobs, closing: closing, captionStream: CaptionStream(jobs: jobs, failures: failures))
        let jobEndpoints = JobEndpoints(jobs: jobs, closing: closing)
        let results = ResultEndpoints(jobs: jobs, closing: closing)
        let chat = ChatEndpoints(jobs: jobs, failures: failures)
        let models = ModelEndpoints(jobs: jobs)
        let events = EventEndpoints(jobs: jobs, closing: closing)
        let verification = VerificationEndpoints(jobs: jobs)
        let health = HealthEndpoints(jobs: jobs)
        var router = Router<Endpoint>()
        router.add(.post, "/v1/images", images.upload)
        router.add(.get, "/v1/images", images.list)
        router.add(.get, "/v1/images/{id}", images.image)
        router.add(.delete, "/v1/images/{id}", images.delete)
        router.add(.post, "/v1/states", states.create)
        router.add(.get, "/v1/states", states.list)
        router.add(.get, "/v1/states/{id}", states.state)
        router.add(.delete, "/v1/states/{id}", states.delete)
        router.add(.get, "/v1/states/{id}/logit_lens", states.logitLens)
        router.add(.post, "/v1/captions", submissions.caption)
        router.add(.post, "/v1/knockouts", submissions.knockout)
        router.add(.post, "/v1/patches", submissions.patch)
        router.add(.post, "/v1/chat/completions", chat.complete)
        router.add(.get, "/v1/jobs", jobEndpoints.list)
        router.add(.get, "/v1/jobs/{id}", jobEndpoints.job)
        router.add(.delete, "/v1/jobs/{id}", jobEndpoints.delete)
        router.add(.post, "/v1/jobs/{id}/cancel", jobEndpoints.cancel)
        router.add(.get, "/v1/jobs/{id}/results", results.ofJob)
        router.add(.get, "/v1/jobs/{id}/events", events.follow)
        router.add(.get, "/v1/results", results.search)
        router.add(.post, "/v1/verify", verification.verify)
        router.add(.get, "/v1/models", models.list)
        router.add(.get, "/v1/models/{id}", models.model)
        router.add(.get, "/docs/errors", PageEndpoints.list)
        router.add(.get, "/docs/errors/{slug}", PageEndpoints.page)
        router.add(.get, "/livez") { _ in HealthEndpoints.alive }
        router.add(.get, "/readyz", health.ready)
        self.router = router
        self.health = health
        self.failures = failures
    }

    /// The answer to a request; never fails, because every error is an answer.
    package func answer(_ request: Request) async -> Response {
        do {
            switch router.match(request.method, request.segments) {
            case .found(let endpoint, let parameters):
                return try await endpoint(Call(request: request, parameters: parameters)).tagged(for: request)
            case .notFound:
                throw Problem(.notFound, "there is nothing at \(request.path.prefix(200)); docs/api.md lists the paths")
            case .methodNotAllowed(let allow):
                let methods = allow.map(\.rawValue).joined(separator: ", ")
                var problem = Problem(
                    .methodNotAllowed, "\(request.method.rawValue) is not allowed here; \(methods) are")
                problem.headerFields[.allow] = methods
                throw problem
            case .options(let allow):
                return Response(
                    status: .noContent,
                    headerFields: [.allow: allow.map(\.rawValue).joined(separator: ", ")])
            }
        } catch {
            return failures.problem(of: error, at: request).response(instance: request.path)
        }
    }

    /// The answer to what must be answered even when everything else is busy: `/livez`.
    package func answerAtOnce(_ request: Request) -> Response? {
        guard request.target.text == "/livez", request.method == .get || request.method == .head else { return nil }
        return HealthEndpoints.alive
    }
}

extension Routes {
    /// How the server in front of these routes listens, what it bounds, and how it words its own refusals.
    ///
    /// - throws: ``ServeError`` for a certificate without its key.
    package func serverConfiguration(_ configuration: ServeConfiguration) throws(ServeError) -> ServerConfiguration {
        var server = ServerConfiguration()
        server.host = configuration.host
        server.port = configuration.port
        server.tls = try configuration.tlsFiles()
        server.limits = configuration.limits
        server.origins = OriginPolicy(
            allowedHosts: configuration.allowedHosts, allowedOrigins: configuration.allowedOrigins)
        server.contentLimit = { Self.contentLimit($0, $1) }
        server.needsContent = { Self.needsContent($0, $1) }
        server.refusal = { Problem($0).response(instance: nil) }
        return server
    }

    /// What is posted there is the request itself. Cancelling a job needs none.
    static func needsContent(_ method: HTTPRequest.Method, _ target: RequestTarget) -> Bool {
        guard method == .post, target.segments.count == 2, target.segments[0] == "v1" else { return false }
        return ["images", "states", "captions", "knockouts", "patches", "verify"].contains(target.segments[1])
    }

    /// The most content that a route takes, in bytes: a picture, a state, or a job whose pictures are `data:` URLs.
    static func contentLimit(_ method: HTTPRequest.Method, _ target: RequestTarget) -> Int {
        guard method == .post else { return 64 << 10 }
        switch target.segments {
        case ["v1", "images"]: return 32 << 20
        case ["v1", "captions"], ["v1", "knockouts"], ["v1", "patches"], ["v1", "states"],
            ["v1", "chat", "completions"]:
            return 64 << 20
        default: return 64 << 10
        }
    }
}

extension Response {
    /// An answer in JSON.
    init(_ status: HTTPResponse.Status = .ok, json: JSONValue, headerFields: HTTPFields = [:]) {
        self.init(status, jsonText: json.bytes, headerFields: headerFields)
    }

    /// An answer whose JSON is already text.
    init(_ status: HTTPResponse.Status = .ok, jsonText: [UInt8], headerFields: HTTPFields = [:]) {
        var headerFields = headerFields
        headerFields[.contentType] = "application/json"
        self.init(status: status, headerFields: headerFields, content: .bytes(jsonText))
    }
}
