import HTTPServer
import HTTPTypes
import Metrics

/// Counts requests by route and status, and how long their answers took.
final class RequestMeter: Sendable {
    /// What stands for the route where there is none.
    static let unrouted = "none"

    let requests = CounterFamily("method", "route", "status")
    /// By route; fixed when the server starts, so that a request takes no lock to find its own.
    private let durations: [String: Histogram]

    init(_ routes: [Route]) {
        durations = Dictionary(
            (routes.map(\.pattern) + [Self.unrouted]).map { ($0, Histogram()) }, uniquingKeysWith: { first, _ in first }
        )
    }

    /// By route, those that were asked for.
    var observed: [(route: String, snapshot: Histogram.Snapshot)] {
        durations.map { ($0.key, $0.value.snapshot) }.filter { $0.1.count > 0 }.sorted { $0.0 < $1.0 }
    }

    func count(_ request: Request, route: String, status: HTTPResponse.Status) {
        requests.add(Self.method(request.method), route, "\(status.code)")
    }

    /// A request that the server refused before it was one.
    func count(refused status: HTTPResponse.Status) {
        requests.add("none", Self.unrouted, "\(status.code)")
    }

    func observe(route: String, since start: ContinuousClock.Instant) {
        durations[route]?.observe(since: start)
    }

    /// What is counted of the answers with `status` to one method and route, found once.
    func meter(of method: HTTPRequest.Method, route: String, status: HTTPResponse.Status) -> RouteMeter {
        RouteMeter(
            answers: requests.counter([Self.method(method), route, "\(status.code)"]),
            durations: durations[route] ?? Histogram())
    }

    /// Clients may make methods up; each would be a time series for ever.
    private static func method(_ method: HTTPRequest.Method) -> String {
        switch method {
        case .get, .head, .post, .put, .delete, .options, .patch: method.rawValue
        default: "other"
        }
    }
}

/// The answers of one status to one method and route.
struct RouteMeter: Sendable {
    fileprivate let answers: Counter
    fileprivate let durations: Histogram

    func observe(since start: ContinuousClock.Instant) {
        answers.add()
        durations.observe(since: start)
    }
}
