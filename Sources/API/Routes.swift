package import HTTPServer
import HTTPTypes
package import Jobs
package import Logging
import Store
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
        /// Whose request it is; `nil` where there are no keys.
        var key: KeyRecord?
    }

    typealias Endpoint = @Sendable (Call) async throws -> Response

    private let table: RouteTable
    private let meter: RequestMeter
    private let keys: KeyRing
    private let store: Store
    private let audit: AuditLog
    private let log: RequestLog
    private let health: HealthEndpoints
    private let failures: RequestFailures
    /// Of `/livez`, to `GET` and to `HEAD`.
    private let aliveMeters: (get: RouteMeter, head: RouteMeter)

    /// - Parameter keys: those of the store; without any, everybody is let in.
    package init(
        jobs: JobService, keys: KeyRing = KeyRing(), closing: Closing = Closing(), logger: Logger = Logger(label: "api")
    ) {
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
        var router = RouteTable()
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
        router.add(.get, "/docs/errors", access: .open, PageEndpoints.list)
        router.add(.get, "/docs/errors/{slug}", access: .open, PageEndpoints.page)
        router.add(.get, "/livez", access: .open) { _ in HealthEndpoints.alive }
        router.add(.get, "/readyz", access: .open, health.ready)
        router.add(.get, "/v1/capabilities", CapabilityEndpoints(jobs: jobs).capabilities)
        router.add(.get, "/openapi.json", access: .open, PageEndpoints.description)
        router.add(.get, "/docs", access: .open, PageEndpoints.interface)
        let keyEndpoints = KeyEndpoints(store: jobs.store, ring: keys)
        router.add(.post, "/v1/keys", access: .admin, keyEndpoints.add)
        router.add(.get, "/v1/keys", access: .admin, keyEndpoints.list)
        router.add(.delete, "/v1/keys/{id}", access: .admin, keyEndpoints.revoke)
        let meter = RequestMeter(
            router.routes + [Route(method: .get, pattern: "/metrics", access: .admin) { _ in Response() }])
        router.add(.get, "/metrics", access: .admin, MetricsEndpoint(jobs: jobs, requests: meter).metrics)
        table = router
        self.keys = keys
        store = jobs.store
        audit = AuditLog(logger: logger)
        log = RequestLog(logger: logger)
        self.meter = meter
        aliveMeters = (
            get: meter.meter(of: .get, route: "/livez", status: .ok),
            head: meter.meter(of: .head, route: "/livez", status: .ok)
        )
        self.health = health
        self.failures = failures
    }

    /// Every route as `GET /v1/jobs/{id}`.
    package var names: [String] { table.routes.map { "\($0.method.rawValue) \($0.pattern)" } }

    /// The answer to a request; never fails, because every error is an answer.
    package func answer(_ request: Request) async -> Response {
        let start = ContinuousClock.now
        let context = TraceContext(request.headerFields)
        let match = table.match(request.method, request.segments)
        var response: Response
        var key: KeyRecord?
        do {
            key = try keys.admit(request.headerFields, to: match.access)
            response = try await answer(request, match, key: key)
        } catch {
            let problem = failures.problem(of: error, at: request)
            response =
                Self.isOpenAI(request.target) ? problem.openAIResponse : problem.response(instance: request.path)
        }
        response.headerFields[.traceparent] = context.text
        response.headerFields[.xRequestID] = context.trace
        audit.record(request, context, by: key, route: match.pattern, status: response.status)
        let status = response.status
        return watched(response, to: request, match) { [meter, log, key] isWhole in
            meter.observe(route: match.pattern, since: start)
            log.record(
                request, context, by: key, route: match.pattern, status: status, since: start, isWhole: isWhole)
        }
    }

    /// Whatever a path names must be the key's own, or it is not there.
    private func checkVisibility(
        of route: Route, _ parameters: PathParameters, to key: KeyRecord?
    ) async throws {
        guard let scope = key?.scope, let id = parameters["id"] else { return }
        if route.pattern.hasPrefix("/v1/jobs/{id}") {
            let job = JobIdentifier(id)?.text ?? ""
            guard try await store.holds(scope, .job(job)) else { throw StoreError.unknownJob(String(id.prefix(80))) }
        } else if route.pattern.hasPrefix("/v1/images/{id}") {
            guard try await store.holds(scope, .image(id)) else { throw StoreError.unknownImage(id) }
        } else if route.pattern.hasPrefix("/v1/states/{id}") {
            guard try await store.holds(scope, .state(id)) else { throw StoreError.unknownState(id) }
        }
    }

    private func answer(
        _ request: Request, _ match: Router<Route>.Match, key: KeyRecord?
    ) async throws -> Response {
        switch match {
        case .found(let route, let parameters):
            try request.checkContentCoding()
            try await checkVisibility(of: route, parameters, to: key)
            return try await route.endpoint(Call(request: request, parameters: parameters, key: key)).tagged(
                for: request)
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
    }

    /// Counts the answer, and says when its last piece has been handed over, or when it broke off.
    private func watched(
        _ response: Response, to request: Request, _ match: Router<Route>.Match,
        whenDone: @escaping @Sendable (_ isWhole: Bool) -> Void
    ) -> Response {
        meter.count(request, route: match.pattern, status: response.status)
        guard case .stream(let produce) = response.content, request.method != .head else {
            whenDone(true)
            return response
        }
        var response = response
        response.content = .stream { writer in
            do { try await produce(writer) } catch {
                whenDone(false)
                throw error
            }
            whenDone(true)
        }
        return response
    }

    /// The answer to what must be answered even when everything else is busy: `/livez`.
    package func answerAtOnce(_ request: Request) -> Response? {
        guard request.target.text == "/livez" else { return nil }
        let start = ContinuousClock.now
        switch request.method {
        case .get: aliveMeters.get.observe(since: start)
        case .head: aliveMeters.head.observe(since: start)
        default: return nil
        }
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
        server.refusal = { [meter] refusal in
            meter.count(refused: refusal.status)
            let problem = Problem(refusal)
            return refusal.target.map(Self.isOpenAI) == true ? problem.openAIResponse : problem.response(instance: nil)
        }
        return server
    }

    /// Whether errors there are in OpenAI's envelope.
    static func isOpenAI(_ target: RequestTarget) -> Bool {
        guard target.segments.count >= 2, target.segments[0] == "v1" else { return false }
        return target.segments[1] == "chat" || target.segments[1] == "models"
    }

    /// What is posted there is the request itself. Cancelling a job needs none.
    static func needsContent(_ method: HTTPRequest.Method, _ target: RequestTarget) -> Bool {
        guard method == .post, target.segments.count == 2, target.segments[0] == "v1" else { return false }
        return ["images", "states", "captions", "knockouts", "patches", "verify", "keys"].contains(target.segments[1])
    }

    /// Bytes of a picture's file.
    static let largestPicture = 32 << 20
    /// Bytes of a request whose pictures may be `data:` URLs.
    static let largestRequest = 64 << 20

    /// The most content that a route takes, in bytes: a picture, a state, or a job whose pictures are `data:` URLs.
    static func contentLimit(_ method: HTTPRequest.Method, _ target: RequestTarget) -> Int {
        guard method == .post else { return 64 << 10 }
        switch target.segments {
        case ["v1", "images"]: return largestPicture
        case ["v1", "captions"], ["v1", "knockouts"], ["v1", "patches"], ["v1", "states"],
            ["v1", "chat", "completions"]:
            return largestRequest
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
